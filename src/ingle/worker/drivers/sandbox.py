"""The sandbox driver: Linux namespaces, cgroups and seccomp, by way of the spawner."""

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import platform
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from ingle.spawner import messages
from ingle.spawner.messages import (
    Attach,
    Attached,
    Detach,
    Exited,
    Failed,
    Message,
    Prepare,
    Received,
    Spawn,
    Spawned,
    Stop,
)
from ingle.values import ALL_SEALS
from ingle.worker.drivers.contract import EnvironmentSpec, Exit, Level, RunningEnvironment, SpawnError
from ingle.worker.drivers.init_link import InitLink
from ingle.worker.drivers.own_figures import OwnFigures

_PIPE_BYTES = 1 << 18
_ANSWER_S = 30.0
_ORDERS = 64
"""Environments that are ordered at the same time: more would only wait at the spawner, with all their descriptors."""


@dataclasses.dataclass(slots=True)
class _Reply:
    message: Attached | Spawned | Failed
    descriptors: list[int]
    exited: "asyncio.Future[Exit] | None" = None
    """Of an environment that was spawned: its end, which may be known before anybody looks."""


def sealed_memory(content: bytes) -> int:
    """Return a descriptor of anonymous memory that holds `content` and can't change any more."""
    memory = os.memfd_create("ingle-configuration", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(memory, content)
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, ALL_SEALS)
    return memory


def log_pipe() -> tuple[int, int]:
    """Return a pipe whose read end doesn't block."""
    read, write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(read, False)
    with contextlib.suppress(OSError):
        fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return read, write


def _closed_by(stack: contextlib.ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _pipe_closed_by(ours: contextlib.ExitStack, theirs: contextlib.ExitStack) -> tuple[int, int]:
    read, write = log_pipe()
    return _closed_by(ours, read), _closed_by(theirs, write)


class SandboxDriver:
    """Speaks with the spawner over its socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._link: socket.socket | None = None
        self._token = int.from_bytes(os.urandom(6))  # no answer meant for a worker before us is taken for ours
        self._waiting: dict[int, asyncio.Future[_Reply]] = {}
        self._exits: dict[int, asyncio.Future[Exit]] = {}
        self._levels: dict[int, Level] = {}
        self._orders = asyncio.Semaphore(_ORDERS)
        self._is_writable = asyncio.Event()
        self._unsent: deque[Message] = deque()
        """Messages that wait until the spawner has read some of those before."""
        self.lost = asyncio.Event()
        self.makes_copies = platform.machine() == "x86_64"

    async def start(self) -> None:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            link.connect(os.fspath(self._path))
        except OSError as error:
            link.close()
            raise SpawnError(f"the spawner can't be reached: {error.strerror}") from error
        link.setblocking(False)
        self._link = link
        self._is_writable.set()
        self.lost.clear()
        asyncio.get_running_loop().add_reader(link.fileno(), self._hear)

    def _hear(self) -> None:
        assert self._link is not None
        for _ in range(64):
            try:
                received = messages.receive(self._link)
            except BlockingIOError:
                return
            except OSError:
                received = None
            if received is None:
                self._lose()
                return
            self._take(received)

    def _take(self, received: Received) -> None:
        message = received.message
        match message:
            case messages.Level():
                self._levels[message.runtime] = Level(ready=message.ready, wanted=message.wanted)
            case Exited():
                exited = self._exits.pop(message.identifier, None)
                if exited is not None and not exited.done():
                    out_of_memory = bool(message.out_of_memory)
                    exited.set_result(Exit(out_of_memory=out_of_memory, peak_memory_bytes=message.peak_bytes))
            case Attached() | Spawned() | Failed():
                self._take_answer(_Reply(message, received.descriptors))

    def _take_answer(self, reply: _Reply) -> None:
        message = reply.message
        waiting = self._waiting.pop(message.token, None)
        if waiting is not None and not waiting.done():
            if isinstance(message, Spawned):  # its end may be the very next message
                reply.exited = self._exits[message.identifier] = asyncio.get_running_loop().create_future()
            waiting.set_result(reply)
            return
        for descriptor in reply.descriptors:
            os.close(descriptor)
        if isinstance(message, Spawned):
            self._stop(message.identifier)

    def _lose(self) -> None:
        link, self._link = self._link, None
        if link is None:
            return
        asyncio.get_running_loop().remove_reader(link.fileno())
        asyncio.get_running_loop().remove_writer(link.fileno())
        link.close()
        self._unsent.clear()
        self._is_writable.set()  # so that who waits for it learns that it is gone
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(SpawnError("the spawner went away"))
        for exited in self._exits.values():
            if not exited.done():
                exited.set_result(Exit(out_of_memory=False))
        self._waiting.clear()
        self._exits.clear()
        self._levels.clear()
        self.lost.set()

    def _send(self, message: Message) -> None:
        """Send a message without descriptors, in a while if need be."""
        if not self._is_writable.is_set() or not self._try_to_send(message):
            self._unsent.append(message)

    def _try_to_send(self, message: Message, descriptors: Sequence[int] = ()) -> bool:
        """Send a message now; return whether there was room for it."""
        if self._link is None:
            raise SpawnError("the spawner is not there")
        try:
            messages.send(self._link, message, descriptors)
        except BlockingIOError:
            self._is_writable.clear()
            asyncio.get_running_loop().add_writer(self._link.fileno(), self._became_writable)
            return False
        except OSError as error:
            raise SpawnError(f"the spawner does not take messages: {error.strerror}") from error
        return True

    def _became_writable(self) -> None:
        if self._link is None:
            return
        asyncio.get_running_loop().remove_writer(self._link.fileno())
        with contextlib.suppress(SpawnError):  # its reader will notice, too
            while self._unsent and self._try_to_send(self._unsent[0]):
                self._unsent.popleft()
        if not self._unsent:
            self._is_writable.set()

    def _new_token(self) -> int:
        self._token += 1
        return self._token

    async def _ask(self, wanted: Attach | Spawn, descriptors: list[int]) -> _Reply:
        waiting: asyncio.Future[_Reply] = asyncio.get_running_loop().create_future()
        self._waiting[wanted.token] = waiting
        try:
            await self._is_writable.wait()
            while not self._try_to_send(wanted, descriptors):
                await self._is_writable.wait()
            async with asyncio.timeout(_ANSWER_S):
                reply = await waiting
        except TimeoutError:
            self._lose()
            raise SpawnError("the spawner does not answer") from None
        finally:
            self._waiting.pop(wanted.token, None)
            del waiting  # an error in it names the frames that it went through: they must not name it
        if isinstance(reply.message, Failed):
            raise SpawnError("the spawner could not do it; its log says why")
        return reply

    async def prepare(self, runtime: int) -> None:
        self._send(Prepare(runtime))

    def pool_levels(self) -> Mapping[int, Level]:
        return self._levels

    async def attach(self, image: int) -> int:
        reply = await self._ask(Attach(self._new_token()), [image])
        assert isinstance(reply.message, Attached)
        return reply.message.image

    async def detach(self, image: int) -> None:
        self._send(Detach(image))

    async def spawn(self, spec: EnvironmentSpec) -> RunningEnvironment:
        async with self._orders:
            return await self._order(spec)

    async def _order(self, spec: EnvironmentSpec) -> RunningEnvironment:
        wanted = Spawn(
            token=self._new_token(),
            runtime=spec.runtime,
            memory_mib=spec.memory_mib,
            tmp_mib=spec.ephemeral_mib,
            code=spec.image,
            layers=spec.opt_image,
        )
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            try:
                configuration = _closed_by(theirs, sealed_memory(spec.configuration))
                output, output_write = _pipe_closed_by(ours, theirs)
                telemetry, telemetry_write = _pipe_closed_by(ours, theirs)
                extensions, extensions_write = -1, output_write
                if spec.opt_image:
                    extensions, extensions_write = _pipe_closed_by(ours, theirs)
                link, its_link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                ours.callback(link.close)
                theirs.callback(its_link.close)
            except OSError as error:
                raise SpawnError(f"the worker has no descriptor left: {error.strerror}") from error
            passed = [configuration, output_write, telemetry_write, extensions_write, its_link.fileno()]
            passed += [spec.template] if spec.template >= 0 else []
            reply = await self._ask(wanted, passed)
            spawned = reply.message
            assert isinstance(spawned, Spawned)
            if not reply.descriptors:
                self._stop(spawned.identifier)
                raise SpawnError("the spawner's answer came without its descriptors: too many are open")
            ours.pop_all()
        assert reply.exited is not None
        identifier = spawned.identifier
        listener_number, *watched = reply.descriptors
        freezer, memory, processor, peak = [*watched, -1, -1, -1, -1][:4]
        figures = OwnFigures(spawned.pid) if peak < 0 else None
        listener = socket.socket(fileno=listener_number)
        listener.setblocking(False)
        return RunningEnvironment(
            identifier=identifier,
            listener=listener,
            output=output,
            telemetry=telemetry,
            extensions=extensions,
            processes=InitLink(link, freezer, figures),
            exited=reply.exited,
            stop=lambda: self._stop(identifier),
            peak=peak,
            memory=memory,
            processor=processor,
            own_figures=figures,
        )

    def _stop(self, identifier: int) -> None:
        with contextlib.suppress(SpawnError):
            self._send(Stop(identifier))

    async def close(self) -> None:
        self._lose()
