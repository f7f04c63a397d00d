"""Which functions' events are to be looked at, and when: those that are due in turn, those that wait by time."""

import heapq
import math

from ingle.queues.event import FunctionKey


class Agenda:
    """Each function is noted once; thousands that wait for a retry cost those that are due nothing."""

    def __init__(self) -> None:
        self._due: dict[FunctionKey, None] = {}
        self._times: dict[FunctionKey, float] = {}
        self._later: list[tuple[float, FunctionKey]] = []
        """A heap; what disagrees with `_times` counts no more."""

    def note(self, function: FunctionKey, at_ms: float, now_ms: float) -> None:
        """Have a function looked at at this time, or earlier where that has been noted before."""
        if at_ms <= now_ms:
            self._due.setdefault(function)
        elif at_ms < self._times.get(function, math.inf):
            self._times[function] = at_ms
            heapq.heappush(self._later, (at_ms, function))

    def due(self, now_ms: float) -> tuple[FunctionKey, ...]:
        """Return the functions to look at now; who has waited longest comes first."""
        while self._later and self._later[0][0] <= now_ms:
            at_ms, function = heapq.heappop(self._later)
            if self._times.get(function) == at_ms:
                del self._times[function]
                self._due.setdefault(function)
        return tuple(self._due)

    def strike(self, function: FunctionKey) -> None:
        """A due function is being looked at: whatever is noted from now on brings it back, behind the others."""
        self._due.pop(function, None)

    def next_ms(self) -> float:
        """Return when the next function that is not due yet will be; infinity for never."""
        return self._later[0][0] if self._later else math.inf
