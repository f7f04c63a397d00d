"""What an environment writes: its pipes read into log events, capped in rate and size.

Standard output and error are one pipe, a line an event. AWS's Python client writes its records to another, framed:
four bytes of type, four of length, eight of microseconds, big-endian, then the message (execution reference, section 3).
"""

import asyncio
import os
import select
import struct
import time
from typing import Protocol

from ingle.worker.journal.journal import Source

_READ_BYTES = 1 << 14
"""What is read before anybody else has a turn: of lines of two bytes it takes ten milliseconds, of usual ones a quarter."""
_DROPPING_S = 0.0005
_PAUSE_S = 0.01
"""How long nothing is read of an environment that has just logged more than it may; its writes wait meanwhile."""
EVENT_LIMIT_BYTES = 256 * 1024
BURST_BYTES = 4 << 20
RATE_BYTES_PER_S = 1 << 20
DISK_LIMIT_BYTES = 64 << 20
"""What one environment may log in its life; it is replaced by a fresh one after the invocation that reached it."""
_FRAME = struct.Struct(">IIQ")
_FRAME_MAGIC = 0xA55A0000


class Listener(Protocol):
    """Who gets what comes out of an environment's pipes, as UTF-8 without line end."""

    def hear(self, source: Source, message: bytes, *, is_ended: bool) -> None:
        """Take an event; `is_ended` says whether the line end was there."""
        ...

    def miss(self, records: int, size_bytes: int) -> None:
        """Learn that events had to be dropped."""
        ...


class _Pipe:
    """One pipe, and what has been read of an event whose end has not come."""

    def __init__(self, descriptor: int, source: Source) -> None:
        self.descriptor = descriptor
        self.source = source
        self.rest = bytearray()
        """It grows in place: a byte more shall not cost as much as all before it."""


class LogCapture:
    """Reads the pipes of one environment: `output`, `telemetry`, and `extensions` where it is not -1."""

    def __init__(self, output: int, telemetry: int, extensions: int, listener: Listener) -> None:
        self._frames = _Pipe(telemetry, "function")
        self._lines = [_Pipe(output, "function")]
        if extensions >= 0:
            self._lines.append(_Pipe(extensions, "extension"))
        self._pipes = [*self._lines, self._frames]
        self._listener = listener
        self._allowance = float(BURST_BYTES)
        self._refilled_at = time.monotonic()
        self._kept = 0
        self.dropped = 0
        self._dropped_bytes = 0
        self._reported = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resuming: asyncio.TimerHandle | None = None
        self._ready = select.poll()
        for pipe in self._pipes:
            self._ready.register(pipe.descriptor, select.POLLIN)

    @property
    def is_full(self) -> bool:
        """Whether the environment has logged as much as one may."""
        return self._kept >= DISK_LIMIT_BYTES

    def watch(self) -> None:
        """Read the pipes whenever something comes, until `finish`."""
        self._loop = asyncio.get_running_loop()
        self._listen()

    def _listen(self) -> None:
        if self._loop is not None:
            for pipe in self._pipes:
                self._loop.add_reader(pipe.descriptor, self._hear)

    def _hear(self) -> None:
        """Read a piece of each pipe; of a flood what can be dropped in half a millisecond, then nothing for a while."""
        before = self.dropped
        self.drain(rounds=1)
        if self.dropped > before and self._loop is not None:
            until = time.monotonic() + _DROPPING_S
            while time.monotonic() < until and self._ready.poll(0):
                self.drain(rounds=1)
            self._ignore_all()
            self._resuming = self._loop.call_later(_PAUSE_S, self._listen)

    def drain(self, *, rounds: int = 16) -> None:
        """Read what is in the pipes now; at most `rounds` reads of 16 KiB each, so that a flood starves nobody."""
        for pipe in self._pipes:
            self._drain(pipe, rounds)

    def _drain(self, pipe: _Pipe, rounds: int) -> None:
        for _ in range(rounds):
            try:
                data = os.read(pipe.descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            if not data:  # all that could write have ended: a pipe in this state is always readable
                self._ignore(pipe)
                return
            if pipe is self._frames:
                self._take_frames(data)
            else:
                self._take_lines(pipe, data)

    def _ignore(self, pipe: _Pipe) -> None:
        if self._loop is not None:
            self._loop.remove_reader(pipe.descriptor)

    def _ignore_all(self) -> None:
        for pipe in self._pipes:
            self._ignore(pipe)

    def end_invocation(self) -> None:
        """Read what is there, emit unfinished lines too, and say how many events were dropped."""
        if self._ready.poll(0):  # one call where most invocations have logged nothing
            self.drain()
        for pipe in self._lines:
            rest, pipe.rest = pipe.rest, bytearray()
            if rest:
                self._add(pipe.source, bytes(rest), is_ended=False)
        self._report_dropped()

    def finish(self) -> None:
        """Read what is left and watch no more."""
        if self._resuming is not None:
            self._resuming.cancel()
        self.drain(rounds=64)
        self._ignore_all()
        self.end_invocation()

    def _report_dropped(self) -> None:
        if self.dropped > self._reported:
            records, size_bytes = self.dropped - self._reported, self._dropped_bytes
            self._reported, self._dropped_bytes = self.dropped, 0
            self._listener.miss(records, size_bytes)

    def _take_lines(self, pipe: _Pipe, data: bytes) -> None:
        lines: list[bytes] = []
        if b"\n" in data:
            *lines, data = (bytes(pipe.rest) + data).split(b"\n")
            pipe.rest.clear()
        before = self.dropped
        for number, line in enumerate(lines, 1):
            if line:
                self._add(pipe.source, line)
            if self.dropped > before:  # the rest is dropped with it, or counting a flood costs as much as keeping it
                self.dropped += sum(map(bool, lines[number:]))
                break
        pipe.rest += data
        while len(pipe.rest) > EVENT_LIMIT_BYTES:
            self._add(pipe.source, bytes(pipe.rest[:EVENT_LIMIT_BYTES]), is_ended=False)
            del pipe.rest[:EVENT_LIMIT_BYTES]

    def _take_frames(self, data: bytes) -> None:
        self._frames.rest += data
        held, at = self._frames.rest, 0
        while len(held) - at >= _FRAME.size:
            kind, length, _ = _FRAME.unpack_from(held, at)
            if kind & 0xFFFF0000 != _FRAME_MAGIC or length > EVENT_LIMIT_BYTES * 4:
                # Not a frame: the function wrote here by itself. Take it as plain lines.
                self._frames.rest = bytearray()
                self._take_lines(self._lines[0], bytes(held[at:]))
                return
            if len(held) - at < _FRAME.size + length:
                break
            message = bytes(held[at + _FRAME.size : at + _FRAME.size + length])
            stripped = message.rstrip(b"\n")
            self._add("function", stripped[:EVENT_LIMIT_BYTES], is_ended=len(stripped) < len(message))
            at += _FRAME.size + length
        del held[:at]

    def _add(self, source: Source, message: bytes, *, is_ended: bool = True) -> None:
        now = time.monotonic()
        self._allowance = min(BURST_BYTES, self._allowance + (now - self._refilled_at) * RATE_BYTES_PER_S)
        self._refilled_at = now
        if self._allowance < len(message) or self.is_full:
            self.dropped += 1
            self._dropped_bytes += len(message)
            return
        self._allowance -= len(message) + 26
        self._kept += len(message) + 26
        self._listener.hear(source, message, is_ended=is_ended)
