"""The worker's link to the init of one sandboxed environment (`spawner.zygotes.init`)."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable

from ingle.spawner import messages
from ingle.spawner.messages import (
    Connect,
    Empty,
    Ended,
    Link,
    Message,
    Pause,
    Received,
    Reset,
    Resume,
    Socket,
    Start,
    Terminate,
)
from ingle.worker.drivers.contract import SpawnError
from ingle.worker.drivers.own_figures import OwnFigures

_AT_ONCE = 64
"""So many messages are taken before others have their turn."""


def _ignore(number: int, status: int) -> None:
    return


class InitLink:
    """Orders to an environment's init, and what it tells of the processes that it started.

    `freezer` is a file of the environment's control group to which its state is written, -1 where the host has none:
    then the init stops and continues its processes by signal. `figures` hears of the memory of what has ended.
    """

    def __init__(self, link: socket.socket, freezer: int, figures: OwnFigures | None) -> None:
        self.on_end: Callable[[int, int], None] = _ignore
        self.on_link: Callable[[socket.socket], None] = socket.socket.close
        self._link = link
        self._freezer = freezer
        self._figures = figures
        self._frozen, self._thawed = (b"1", b"0")
        if freezer >= 0 and os.pread(freezer, 16, 0).strip() in (b"THAWED", b"FREEZING", b"FROZEN"):
            self._frozen, self._thawed = (b"FROZEN", b"THAWED")
        self._empty: asyncio.Future[bool] | None = None
        self._is_lost = False
        self._sockets: list[asyncio.Future[socket.socket]] = []
        link.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(link.fileno(), self._hear)

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_AT_ONCE):
                try:
                    received = messages.receive(self._link)
                except BlockingIOError:
                    raise
                except OSError:
                    received = None
                if received is None:
                    self._lose()
                    return
                self._take(received)

    def _take(self, received: Received) -> None:
        message, descriptors = received
        if isinstance(message, Ended):
            if self._figures is not None:
                self._figures.ended(message.peak_kib * 1024)
            self.on_end(message.number, message.status)
        elif isinstance(message, Empty) and self._empty is not None:
            if not self._empty.done():
                self._empty.set_result(True)
        elif isinstance(message, Socket) and self._sockets and descriptors:
            waiting = self._sockets.pop(0)
            made = socket.socket(fileno=descriptors.pop(0))
            if waiting.done():
                made.close()
            else:
                waiting.set_result(made)
        elif isinstance(message, Link) and descriptors:
            made = socket.socket(fileno=descriptors.pop(0))
            made.setblocking(False)
            self.on_link(made)
        for descriptor in descriptors:
            os.close(descriptor)

    def _lose(self) -> None:
        self._is_lost = True
        if self._link.fileno() >= 0:
            self._loop.remove_reader(self._link.fileno())
        if self._empty is not None and not self._empty.done():
            self._empty.set_result(False)
        for waiting in self._sockets:
            if not waiting.done():
                waiting.set_exception(ConnectionRefusedError("the environment is gone"))
        self._sockets.clear()

    def _order(self, order: Message) -> None:
        with contextlib.suppress(OSError):  # one that is gone is noticed by its exit
            messages.send(self._link, order)

    def start(self, number: int) -> None:
        self._order(Start(number))

    def terminate(self, number: int) -> None:
        self._order(Terminate(number))

    async def reset(self) -> None:
        if self._is_lost:
            raise SpawnError("the environment is gone")
        self.thaw()
        if self._empty is None or self._empty.done():
            self._empty = self._loop.create_future()
            self._order(Reset())
        if not await asyncio.shield(self._empty):
            raise SpawnError("the environment is gone")

    async def connect(self, port: int) -> socket.socket:
        if self._is_lost:
            raise ConnectionRefusedError("the environment is gone")
        waiting: asyncio.Future[socket.socket] = self._loop.create_future()
        self._sockets.append(waiting)
        self._order(Connect())
        try:
            made = await waiting
        finally:
            del waiting  # an error in it names the frames that it went through: they must not name it
        made.setblocking(False)
        try:
            await self._loop.sock_connect(made, ("127.0.0.1", port))
        except BaseException:
            made.close()
            raise
        return made

    def freeze(self) -> None:
        self._set(self._frozen, Pause())

    def thaw(self) -> None:
        self._set(self._thawed, Resume())

    def _set(self, state: bytes, order: Message) -> None:
        if self._freezer < 0:
            self._order(order)
            return
        with contextlib.suppress(OSError):  # its group is gone
            os.pwrite(self._freezer, state, 0)

    def close(self) -> None:
        self._lose()
        self._link.close()
        if self._freezer >= 0:
            os.close(self._freezer)
            self._freezer = -1
