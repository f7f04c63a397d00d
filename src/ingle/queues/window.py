"""How many events of one function run side by side.

A function that takes its time gets one more with each answer, as long as the processors have time left over: events are
not to take it from callers who wait. Where none is left a function gets fewer. One that answers at once is served as
quickly by a few environments. A refusal halves the window: there is no sense in knocking at a closed door.
"""

import dataclasses

_FIRST = 8
_QUICK_S = 0.05
_MUCH_IDLE = 0.2
_LITTLE_IDLE = 0.05


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The number of deliveries that may be under way, between 1 and `limit`."""

    limit: int
    size: int = _FIRST

    def after_answer(self, duration_s: float, idle_share: float) -> "Window":
        """Return the window after a delivery was answered, while that share of the processors' time was idle."""
        if idle_share < _LITTLE_IDLE:
            return dataclasses.replace(self, size=max(1, self.size - 1))
        if duration_s > _QUICK_S and idle_share > _MUCH_IDLE:
            return dataclasses.replace(self, size=min(self.size + 1, self.limit))
        return self

    def after_refusal(self) -> "Window":
        """Return the window after a delivery that was refused."""
        return dataclasses.replace(self, size=max(1, self.size // 2))

    def free(self, under_way: int) -> int:
        """Return how many more may begin."""
        return max(0, min(self.size, self.limit) - under_way)
