"""How many blank environments are kept ready: pure arithmetic on demand and memory, no clock of its own."""

from __future__ import annotations

import math

FLOOR = 4
"""Kept for each runtime that some function uses."""
CEILING = 48
MEMORY_MIB = 256
"""What all blank environments together may hold."""
BLANK_MIB = 4
_HALF_LIFE_S = 20.0


class Demand:
    """The demand for one kind of environments: a peak that fades by half in a while, 20 s for a runtime's."""

    def __init__(self, half_life_s: float = _HALF_LIFE_S) -> None:
        self._half_life_s = half_life_s
        self._level = 0.0
        self._at = 0.0

    def taken(self, now: float) -> None:
        """One more has been asked for at `now` (seconds of a clock that never goes back)."""
        self._level = self.level(now) + 1.0
        self._at = now

    def level(self, now: float) -> float:
        """Return how many were asked for lately."""
        return self._level * math.pow(0.5, (now - self._at) / self._half_life_s)


def target(level: float, others: int) -> int:
    """Return how many blanks a runtime shall have, where `others` are kept for other runtimes."""
    room = max(0, MEMORY_MIB // BLANK_MIB - others)
    return min(max(FLOOR, round(level)), CEILING, room)
