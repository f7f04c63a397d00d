"""The clock that everything is given instead of reading the time itself."""

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


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()
