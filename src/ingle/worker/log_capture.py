"""What an environment writes: its pipes read into log events, capped in rate and size.

Standard output and error are one pipe, a line an event. AWS's Python client writes its records to another, framed:
four bytes of type, four of length, eight of microseconds, big-endian, then the message (execution reference, section 3).
"""

import asyncio
import os
import select
import struct
import time
from collections.abc import Callable
from typing import TypeVarTuple

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
TAIL_BYTES = 4096
_FRAME = struct.Struct(">IIQ")
_FRAME_MAGIC = 0xA55A0000
_Of = TypeVarTuple("_Of")


class LogCapture:
    """The log of one environment. `emit` gets each event: epoch milliseconds and UTF-8 bytes without line end."""

    def __init__(self, output: int, telemetry: int, emit: Callable[[int, bytes], None]) -> None:
        self._output = output
        self._telemetry = telemetry
        self._emit = emit
        self._lines = b""
        self._frames = b""
        self._allowance = float(BURST_BYTES)
        self._refilled_at = time.monotonic()
        self._kept = 0
        self.dropped = 0
        self._reported = 0
        self.tail: bytearray | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._resuming: asyncio.TimerHandle | None = None
        self._ready = select.poll()
        self._ready.register(output, select.POLLIN)
        self._ready.register(telemetry, select.POLLIN)

    @property
    def is_full(self) -> bool:
        """Whether the environment has logged as much as one may."""
        return self._kept >= DISK_LIMIT_BYTES

    def write(self, message: bytes) -> None:
        """Add an event of the platform's own; the caps don't hold for these."""
        now_ms = time.time_ns() // 1_000_000
        self._remember(message)
        self._emit(now_ms, message)

    def tell(self, lines: Callable[[*_Of, int], list[bytes]], *of: *_Of) -> None:
        """Add the lines that `lines` makes of one of the platform's events, as of now."""
        now_ms = time.time_ns() // 1_000_000
        for line in lines(*of, now_ms):
            self._remember(line)
            self._emit(now_ms, line)

    def watch(self) -> None:
        """Read both pipes whenever something comes, until `finish`."""
        self._loop = asyncio.get_running_loop()
        self._listen()

    def _listen(self) -> None:
        if self._loop is not None:
            self._loop.add_reader(self._output, self._hear)
            self._loop.add_reader(self._telemetry, self._hear)

    def _hear(self) -> None:
        """Read a piece of each pipe; of a flood what can be dropped in half a millisecond, then nothing for a while."""
        before = self.dropped
        self.drain(rounds=1)
        if self.dropped > before and self._loop is not None:
            until = time.monotonic() + _DROPPING_S
            while time.monotonic() < until and self._ready.poll(0):
                self.drain(rounds=1)
            self._ignore(self._output)
            self._ignore(self._telemetry)
            self._resuming = self._loop.call_later(_PAUSE_S, self._listen)

    def drain(self, *, rounds: int = 16) -> None:
        """Read what is in the pipes now; at most `rounds` reads of 16 KiB, so that a flood starves nobody."""
        self._drain(self._output, self._take_lines, rounds)
        self._drain(self._telemetry, self._take_frames, rounds)

    def _drain(self, descriptor: int, take: Callable[[bytes], None], rounds: int) -> None:
        for _ in range(rounds):
            try:
                data = os.read(descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            if not data:  # all that could write have ended: a pipe in this state is always readable
                self._ignore(descriptor)
                return
            take(data)

    def _ignore(self, descriptor: int) -> None:
        if self._loop is not None:
            self._loop.remove_reader(descriptor)

    def end_invocation(self) -> None:
        """Read what is there, emit an unfinished line too, and say how many events were dropped."""
        if self._ready.poll(0):  # one call where most invocations have logged nothing
            self.drain()
        rest, self._lines = self._lines, b""
        if rest:
            self._add(rest)
        self._report_dropped()

    def finish(self) -> None:
        """Read what is left and watch no more."""
        if self._resuming is not None:
            self._resuming.cancel()
        self.drain(rounds=64)
        self._ignore(self._output)
        self._ignore(self._telemetry)
        self.end_invocation()

    def _report_dropped(self) -> None:
        if self.dropped > self._reported:
            self.write(
                b"LOGS_DROPPED Events: %d\tReason: rate or size limit of the environment"
                % (self.dropped - self._reported)
            )
            self._reported = self.dropped

    def _take_lines(self, data: bytes) -> None:
        *lines, rest = (self._lines + data).split(b"\n")
        before = self.dropped
        for number, line in enumerate(lines, 1):
            if line:
                self._add(line)
            if self.dropped > before:  # the rest is dropped with it, or counting a flood costs as much as keeping it
                self.dropped += sum(map(bool, lines[number:]))
                break
        while len(rest) > EVENT_LIMIT_BYTES:
            self._add(rest[:EVENT_LIMIT_BYTES])
            rest = rest[EVENT_LIMIT_BYTES:]
        self._lines = rest

    def _take_frames(self, data: bytes) -> None:
        data = self._frames + data
        at = 0
        while len(data) - at >= _FRAME.size:
            kind, length, _ = _FRAME.unpack_from(data, at)
            if kind & 0xFFFF0000 != _FRAME_MAGIC or length > EVENT_LIMIT_BYTES * 4:
                # Not a frame: the function wrote here by itself. Take it as plain lines.
                self._frames = b""
                self._take_lines(data[at:])
                return
            if len(data) - at < _FRAME.size + length:
                break
            message = data[at + _FRAME.size : at + _FRAME.size + length].rstrip(b"\n")
            self._add(message[:EVENT_LIMIT_BYTES])
            at += _FRAME.size + length
        self._frames = data[at:]

    def _add(self, message: bytes) -> None:
        now = time.monotonic()
        self._allowance = min(BURST_BYTES, self._allowance + (now - self._refilled_at) * RATE_BYTES_PER_S)
        self._refilled_at = now
        if self._allowance < len(message) or self.is_full:
            self.dropped += 1
            return
        self._allowance -= len(message) + 26
        self._kept += len(message) + 26
        self._remember(message)
        self._emit(time.time_ns() // 1_000_000, message)

    def take_tail(self) -> bytes:
        """Return the last 4 KiB of what was written since `tail` was set to an empty one; stop collecting."""
        tail, self.tail = self.tail or b"", None
        return bytes(tail[-TAIL_BYTES:])

    def _remember(self, message: bytes) -> None:
        if self.tail is not None:
            self.tail += message[-TAIL_BYTES:] + b"\n"
            if len(self.tail) > 4 * TAIL_BYTES:
                del self.tail[:-TAIL_BYTES]
