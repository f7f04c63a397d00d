"""How many events of one function run side by side.

A function that takes its time gets more with each answer, up to a limit; one that answers at once is served as quickly by
a few environments. A refusal halves the window: there is no sense in knocking at a closed door.
"""

import dataclasses

_FIRST = 8
_QUICK_S = 0.05


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The number of deliveries that may be under way, between 1 and `limit`."""

    limit: int
    size: int = _FIRST

    def after_answer(self, duration_s: float) -> "Window":
        """Return the window after a delivery that was answered."""
        return self if duration_s <= _QUICK_S else dataclasses.replace(self, size=min(self.size + 1, self.limit))

    def after_refusal(self) -> "Window":
        """Return the window after a delivery that was refused."""
        return dataclasses.replace(self, size=max(1, self.size // 2))

    def free(self, under_way: int) -> int:
        """Return how many more may begin."""
        return max(0, min(self.size, self.limit) - under_way)
