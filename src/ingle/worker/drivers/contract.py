"""The port of isolation: what a worker asks of whatever holds its environments."""

import asyncio
import dataclasses
import os
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from ingle.values import IngleError
from ingle.worker.drivers.own_figures import OwnFigures


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
    template: int = -1
    """A descriptor of the sealed image that its runtime becomes; -1: it runs an init."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How an environment ended: whether the kernel killed for want of memory, and the most memory it used."""

    out_of_memory: bool
    peak_memory_bytes: int = 0


RUNTIME = 0
"""The number of the runtime among an environment's processes; extensions count from 1."""


class Processes(Protocol):
    """What runs inside an environment. Orders are carried out one after the other."""

    on_end: Callable[[int, int], None]
    """Called with a process's number and wait status when it ends."""

    on_link: Callable[[socket.socket], None]
    """Called with a connection over which a runtime that was started may use the Runtime API."""

    def start(self, number: int) -> None:
        """Start the runtime or an extension."""
        ...

    def terminate(self, number: int) -> None:
        """Send SIGTERM to a process that was started."""
        ...

    async def reset(self) -> None:
        """Kill everything; on return nothing of it is left, and /tmp is as it was. Raises SpawnError."""
        ...

    async def connect(self, port: int) -> socket.socket:
        """Return a TCP connection, not blocking, to a port of the environment's own loopback. Raises OSError."""
        ...

    def freeze(self) -> None:
        """Let nothing inside make progress until `thaw`."""
        ...

    def thaw(self) -> None: ...

    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an environment has in memory now, and the processor time of all its processes so far; None: not told."""

    memory_bytes: int | None
    cpu_us: int | None


@dataclasses.dataclass(slots=True, kw_only=True)
class RunningEnvironment:
    """An environment that exists; nothing runs in it before `processes` is told to start something.

    `listener` listens on 127.0.0.1:9001 inside it; `output`, `telemetry` and `extensions` (-1: none) are the read ends
    of its pipes, not blocking. `exited` is set once nothing of it is left.
    """

    identifier: int
    listener: socket.socket
    output: int
    telemetry: int
    extensions: int = -1
    processes: Processes
    exited: "asyncio.Future[Exit]"
    stop: Callable[[], None]
    """Kill everything inside and the environment itself, at once; `exited` follows."""
    peak: int = -1
    memory: int = -1
    """The folder of its memory controller, -1 where the host has none; `processor` is that of its processor time."""
    processor: int = -1
    own_figures: OwnFigures | None = None
    """What its processes say themselves, where no control group counts."""

    def usage(self) -> Usage:
        """Return what it uses; its peak where the host tells that and not the memory of now."""
        memory = _read_at(self.memory, "memory.usage_in_bytes") or _read_at(self.memory, "memory.current")
        return Usage(
            memory_bytes=int(memory) if memory else self.peak_memory_bytes() or None, cpu_us=self._processor_us()
        )

    def peak_memory_bytes(self) -> int:
        """Return the most memory it has used so far; 0 where the host doesn't tell."""
        if self.peak < 0:
            return self.own_figures.peak_bytes() if self.own_figures is not None else 0
        try:
            return int(os.pread(self.peak, 32, 0))
        except (OSError, ValueError):
            return 0

    def out_of_memory_kills(self) -> int:
        """Return how many processes the kernel has killed here for want of memory; 0 where the host doesn't tell."""
        for name in ("memory.events", "memory.oom_control"):
            for line in _read_at(self.memory, name).splitlines():
                word, _, count = line.partition(b" ")
                if word == b"oom_kill":
                    return int(count)
        return 0

    def _processor_us(self) -> int | None:
        nanoseconds = _read_at(self.processor, "cpuacct.usage")
        if nanoseconds:
            return int(nanoseconds) // 1000
        for line in _read_at(self.processor, "cpu.stat").splitlines():
            word, _, count = line.partition(b" ")
            if word == b"usage_usec":
                return int(count)
        return None

    def close(self) -> None:
        """Close the descriptors that came with it."""
        self.listener.close()
        self.processes.close()
        for descriptor in (self.output, self.telemetry, self.extensions, self.peak, self.memory, self.processor):
            if descriptor >= 0:
                os.close(descriptor)


def _read_at(folder: int, name: str) -> bytes:
    """Return what a file of a control group says; nothing where it isn't there."""
    if folder < 0:
        return b""
    try:
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    try:
        return os.read(file, 4096)
    finally:
        os.close(file)


@dataclasses.dataclass(frozen=True, slots=True)
class Level:
    """How many blank environments of a runtime are ready, and how many shall be."""

    ready: int
    wanted: int


class Driver(Protocol):
    """One way to isolate. After `lost` is set every environment and image is gone, and `start` begins anew."""

    lost: asyncio.Event
    makes_copies: bool
    """Whether a runtime can become a template."""

    async def start(self) -> None:
        """Get ready. Raises SpawnError where the driver can't work now."""
        ...

    async def prepare(self, runtime: int) -> None:
        """Warm a runtime up ahead of its first environment; returns at once."""
        ...

    def pool_levels(self) -> Mapping[int, Level]:
        """Return the levels of the pools of blank environments by runtime; nothing where the driver keeps none."""
        ...

    async def attach(self, image: int) -> int:
        """Make a sealed image (a descriptor, which stays the caller's) known; return its number."""
        ...

    async def detach(self, image: int) -> None:
        """Forget an image; environments that have it keep it."""
        ...

    async def spawn(self, spec: EnvironmentSpec) -> RunningEnvironment:
        """Make an environment, in which nothing runs yet. Raises SpawnError."""
        ...

    async def close(self) -> None:
        """Stop everything."""
        ...
