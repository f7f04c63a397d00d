"""What an environment tells, on its way out: to its log, to the tail that a caller asked for, and to telemetry."""

import time
from collections.abc import Callable
from typing import Literal, Protocol

from ingle.environments import Assignment
from ingle.worker.journal.platform_events import LogsDropped, PlatformEvent, renderer_for

TAIL_BYTES = 4096
Source = Literal["function", "extension"]


class Telemetry(Protocol):
    """Where all that is told goes besides the log."""

    def hear_event(self, event: PlatformEvent, at_ms: int) -> None:
        """Take an event of the platform's."""
        ...

    def hear_line(self, source: Source, at_ms: int, message: bytes) -> None:
        """Take what the function or an extension has written."""
        ...


class Journal:
    """Everything that is told of one environment; `emit` adds an event to its log stream."""

    def __init__(self, assignment: Assignment, emit: Callable[[int, bytes], None], telemetry: Telemetry) -> None:
        self._render = renderer_for(assignment)
        self._line_end = b"" if assignment.log_format == "JSON" else b"\n"
        """Which ends each event of a log of lines, as in Lambda's."""
        self._emit = emit
        self._telemetry = telemetry
        self._tail: bytearray | None = None

    def tell(self, event: PlatformEvent) -> None:
        """Add an event of the platform's own, as of now."""
        now_ms = time.time_ns() // 1_000_000
        for line in self._render(event, now_ms):
            self._keep(now_ms, line, self._line_end)
        self._telemetry.hear_event(event, now_ms)

    def hear(self, source: Source, message: bytes, *, is_ended: bool = True) -> None:
        """Add what the function or an extension has written."""
        now_ms = time.time_ns() // 1_000_000
        self._keep(now_ms, message, self._line_end if is_ended else b"")
        self._telemetry.hear_line(source, now_ms, message)

    def miss(self, records: int, size_bytes: int) -> None:
        """Say that some of what was written is lost."""
        reason = "rate or size limit of the environment"
        self.tell(LogsDropped(reason=reason, records=records, size_bytes=size_bytes))

    def begin_tail(self) -> None:
        """Keep the last 4 KiB of all that follows, until `take_tail`."""
        self._tail = bytearray()

    def take_tail(self) -> bytes:
        """Return the last 4 KiB since `begin_tail`; collect no more."""
        tail, self._tail = self._tail or b"", None
        return bytes(tail[-TAIL_BYTES:])

    def _keep(self, at_ms: int, message: bytes, line_end: bytes) -> None:
        if self._tail is not None:
            self._tail += message[-TAIL_BYTES:] + b"\n"
            if len(self._tail) > 4 * TAIL_BYTES:
                del self._tail[:-TAIL_BYTES]
        self._emit(at_ms, message + line_end)
