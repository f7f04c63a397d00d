"""The port of isolation: what a worker asks of whatever holds its environments."""

import asyncio
import dataclasses
import os
import socket
from collections.abc import Callable
from typing import Protocol

from ingle.values import IngleError


class SpawnError(IngleError):
    """An environment or image could not be made; nothing of it is left."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """What an environment shall be; `configuration` is JSON, read only by the confined process itself."""

    runtime: int
    memory_mib: int
    ephemeral_mib: int
    image: int
    opt_image: int = 0
    """The image that is mounted at /opt; 0 for none."""
    configuration: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an environment ended: its runtime's wait status, whether the kernel killed for want of memory, its peak."""

    status: int
    out_of_memory: bool
    peak_memory_bytes: int = 0


@dataclasses.dataclass(slots=True, kw_only=True)
class RunningEnvironment:
    """An environment that has begun to run.

    `listener` listens on 127.0.0.1:9001 inside it; `output` and `telemetry` are the read ends of its pipes, not
    blocking; whoever has this closes them. `exited` is set once nothing of it is left.
    """

    identifier: int
    listener: socket.socket
    output: int
    telemetry: int
    exited: "asyncio.Future[Exit]"
    stop: Callable[[], None]
    """Kill everything inside, at once; `exited` follows."""
    peak: int = -1

    def peak_memory_bytes(self) -> int:
        """Return the most memory it has used so far; 0 where the host doesn't tell."""
        if self.peak < 0:
            return 0
        try:
            return int(os.pread(self.peak, 32, 0))
        except (OSError, ValueError):
            return 0

    def close(self) -> None:
        """Close the descriptors that came with it."""
        self.listener.close()
        for descriptor in (self.output, self.telemetry, self.peak):
            if descriptor >= 0:
                os.close(descriptor)


class Driver(Protocol):
    """One way to isolate. After `lost` is set every environment and image is gone, and `start` begins anew."""

    lost: asyncio.Event

    async def start(self) -> None:
        """Get ready. Raises SpawnError where the driver can't work now."""
        ...

    async def prepare(self, runtime: int) -> None:
        """Warm a runtime up ahead of its first environment; returns at once."""
        ...

    async def attach(self, image: int) -> int:
        """Make a sealed image (a descriptor, which stays the caller's) known; return its number."""
        ...

    async def detach(self, image: int) -> None:
        """Forget an image; environments that have it keep it."""
        ...

    async def spawn(self, spec: EnvironmentSpec) -> RunningEnvironment:
        """Start an environment. Raises SpawnError."""
        ...

    async def close(self) -> None:
        """Stop everything."""
        ...
