"""Isolation drivers: one interface, chosen by configuration."""

from ingle.worker.drivers.contract import Driver, EnvironmentSpec, Exit, RunningEnvironment, SpawnError, Usage
from ingle.worker.drivers.process import ProcessDriver
from ingle.worker.drivers.sandbox import SandboxDriver

__all__ = [
    "Driver", "EnvironmentSpec", "Exit", "ProcessDriver", "RunningEnvironment", "SandboxDriver", "SpawnError",
    "Usage",
]  # fmt: skip
