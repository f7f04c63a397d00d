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
    configuration: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an environment ended: its runtime's wait status, whether the kernel killed for want of memory, its peak."""

    status: int
    out_of_memory: bool
    peak_memory_bytes: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an environment has in memory now, and the processor time of all its processes so far; None: not told."""

    memory_bytes: int | None
    cpu_us: int | None


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
    memory: int = -1
    """A descriptor of memory.current (cgroup v2) or memory.usage_in_bytes (v1); -1: the host doesn't tell."""
    cpu: int = -1
    """A descriptor of cpu.stat (cgroup v2) or cpuacct.usage (v1); -1: the host doesn't tell."""

    def usage(self) -> Usage:
        """Return what it uses; its peak where the host tells that and not the memory of now."""
        memory = _read(self.memory)
        return Usage(
            memory_bytes=int(memory) if memory else self.peak_memory_bytes() or None,
            cpu_us=parse_cpu_us(_read(self.cpu)),
        )

    def peak_memory_bytes(self) -> int:
        """Return the most memory it has used so far; 0 where the host doesn't tell."""
        return int(_read(self.peak) or 0)

    def close(self) -> None:
        """Close the descriptors that came with it."""
        self.listener.close()
        for descriptor in (self.output, self.telemetry, self.peak, self.memory, self.cpu):
            if descriptor >= 0:
                os.close(descriptor)


def _read(descriptor: int) -> bytes:
    """Return what a cgroup's file holds now; b"" where there is none, or its group is gone."""
    if descriptor < 0:
        return b""
    try:
        return os.pread(descriptor, 256, 0)
    except OSError:
        return b""


def parse_cpu_us(content: bytes) -> int | None:
    """Return microseconds of cpu.stat's first line `usage_usec N` (cgroup v2) or of cpuacct.usage's nanoseconds (v1)."""
    word, _, rest = content.partition(b" ")
    if word == b"usage_usec":
        return int(rest.split(b"\n", 1)[0])
    return int(content) // 1000 if content else None


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
