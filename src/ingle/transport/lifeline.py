"""The line between a program and the supervisor that started it: settings and orders one way, reports the other.

A program stops when this line tells it to, never by a signal. Ctrl-C in a terminal and an init system that stops a unit
signal every process at once, and what an invocation needs must not end before that invocation has its answer.
"""

import asyncio
import contextlib
import math
import os
import signal
import socket
import struct
import time
import types

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What is sent to whole groups of processes. The supervisor alone heeds it."""
STOP, LEAVE = b"S", b"L"
READY, FAILED = b"ready", b"failed "
_HEAD = struct.Struct(">I")
_STANDARD_INPUT = 0


def render_document(document: bytes) -> bytes:
    """Return how a program's settings begin the line."""
    return _HEAD.pack(len(document)) + document


def disregard_signals() -> None:
    """Let signals to the whole group pass. What this process executes has the kernel's own dispositions again."""
    for number in SIGNALS:
        signal.signal(number, _disregard)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # the supervisor has blocked them until here


def read_line(link: socket.socket, limit: int) -> bytes | None:
    """Return what has come over the line: nothing once the other end is gone, None where nothing has come yet."""
    try:
        return link.recv(limit)
    except BlockingIOError:
        return None
    except OSError:
        return b""


_last_signal_s = -math.inf


def _disregard(number: int, frame: types.FrameType | None) -> None:
    global _last_signal_s
    _last_signal_s = time.monotonic()


def was_signalled_within(seconds: float) -> bool:
    """Say whether somebody has lately signalled this program, and so perhaps the whole group: what else it ends is no
    fault of a function's."""
    return time.monotonic() - _last_signal_s < seconds


class Lifeline:
    """A program's end of the line. It must be made before anything reads standard input, whose place it has."""

    def __init__(self) -> None:
        self._link = socket.socket(fileno=os.dup(_STANDARD_INPUT))
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, _STANDARD_INPUT)
        os.close(null)
        self.stopped = asyncio.Event()
        """Set once the program shall finish what it has in flight, and end."""
        self.lease_over = asyncio.Event()
        """Set once a worker shall take nothing new, and end when it has served."""
        self.is_ready = False
        self._serving: asyncio.Task[None] | None = None

    def read_document(self) -> bytes:
        """Return the settings that the supervisor has sent; it blocks."""
        (length,) = _HEAD.unpack(self._read(_HEAD.size))
        return self._read(length)

    def _read(self, length: int) -> bytes:
        content = bytearray()
        while len(content) < length:
            piece = self._link.recv(length - len(content))
            if not piece:
                raise SystemExit("the supervisor went away")
            content += piece
        return bytes(content)

    async def hold(self, serving: "asyncio.Task[None]") -> None:
        """Run a program to its end; one that is stopped before it was ready ends where it is."""
        self._serving = serving
        self._link.setblocking(False)
        asyncio.get_running_loop().add_reader(self._link.fileno(), self._hear)
        try:
            await serving
        except asyncio.CancelledError:
            if not self.stopped.is_set():
                raise

    def _hear(self) -> None:
        orders = read_line(self._link, 64)
        if orders is None:
            return
        if not orders:
            asyncio.get_running_loop().remove_reader(self._link.fileno())
        if LEAVE in orders:
            self.lease_over.set()
        if STOP in orders or not orders:
            self.stopped.set()
            if not self.is_ready and self._serving is not None:
                self._serving.cancel()

    def ready(self) -> None:
        """Tell the supervisor that the program serves."""
        self.is_ready = True
        self._tell(READY)

    def failed(self, reason: str) -> None:
        """Tell the supervisor why the program ends."""
        self._tell(FAILED + " ".join(reason.split())[:1000].encode())

    def _tell(self, text: bytes) -> None:
        with contextlib.suppress(OSError):  # a supervisor that is gone needs no word
            self._link.send(text + b"\n")
