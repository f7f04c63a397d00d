"""Isolation drivers: one interface, chosen by configuration."""

from ingle.worker.drivers.contract import (
    RUNTIME,
    Driver,
    EnvironmentSpec,
    Exit,
    Processes,
    RunningEnvironment,
    SpawnError,
    Usage,
)
from ingle.worker.drivers.process import ProcessDriver
from ingle.worker.drivers.sandbox import SandboxDriver

__all__ = [
    "RUNTIME", "Driver", "EnvironmentSpec", "Exit", "ProcessDriver", "Processes", "RunningEnvironment", "SandboxDriver",
    "SpawnError", "Usage",
]  # fmt: skip
