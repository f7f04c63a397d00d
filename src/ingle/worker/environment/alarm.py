"""A time limit that is set for each invocation and hardly ever reached."""

import asyncio
import math
import time
from collections.abc import Callable

_TICK_S = 0.001
"""The loop's clock counts whole milliseconds: what is less away is one away."""


class Alarm:
    """Calls back once a time has come, never before it.

    A timer of the loop costs more than an invocation has to spare. So one runs on whatever is set and cleared meanwhile,
    and is wound up again where it ends before the time that counts then.
    """

    __slots__ = ("_action", "_due_s", "_loop", "_rings_s", "_timer")

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._loop = asyncio.get_running_loop()
        self._due_s = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._rings_s = math.inf

    def set(self, delay_s: float) -> None:
        """Ring in so many seconds, and not when it was set before."""
        self._due_s = time.monotonic() + delay_s
        if self._due_s < self._rings_s:
            self._wind(delay_s)

    def clear(self) -> None:
        """Don't ring."""
        self._due_s = math.inf

    def close(self) -> None:
        """Don't ring, and let go of what would be called."""
        self.clear()
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._rings_s = None, math.inf

    def _wind(self, delay_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(delay_s, _TICK_S), self._ring)
        self._rings_s = self._due_s

    def _ring(self) -> None:
        self._timer, self._rings_s = None, math.inf
        if self._due_s == math.inf:
            return
        left_s = self._due_s - time.monotonic()
        if left_s > 0:
            self._wind(left_s)
        else:
            self._due_s = math.inf
            self._action()
