"""The clock that everything is given instead of reading the time itself, and how a time is written."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time; tests pass one that they advance by hand."""

    def now_ms(self) -> int:
        """Return the wall clock in milliseconds since the epoch."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back."""
        ...


def iso_time(at_ms: int) -> str:
    """Return a time in milliseconds since the epoch as `2026-01-02T03:04:05.678Z`, the form of JSON documents."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03d}Z"


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()
