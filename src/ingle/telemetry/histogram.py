"""Counting durations: an array of integers and a search in it, for paths where a microsecond is much."""

from bisect import bisect_left
from collections.abc import Sequence

INVOKE_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
)  # fmt: skip
"""From half a millisecond to the longest timeout of a function (Lambda quotas)."""

INIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 130.0, 900.0)
"""From a copy of a template to the limit of provisioned init (execution reference, section 2)."""


class Histogram:
    """Durations in buckets, each up to and with its bound; the last bucket has none."""

    __slots__ = ("_bounds_ns", "counts", "sum_ns")

    def __init__(self, bounds_s: Sequence[float]) -> None:
        self._bounds_ns = tuple(round(bound * 1e9) for bound in bounds_s)
        self.counts = [0] * (len(bounds_s) + 1)
        self.sum_ns = 0

    def observe_ns(self, duration_ns: int) -> None:
        """Count one duration."""
        self.counts[bisect_left(self._bounds_ns, duration_ns)] += 1
        self.sum_ns += duration_ns

    @property
    def count(self) -> int:
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, int]]:
        """Return how many were at most each bound, in seconds; `+Inf` is the last, as Prometheus writes it."""
        total = 0
        shown = []
        for bound, count in zip([*(str(one / 1e9) for one in self._bounds_ns), "+Inf"], self.counts, strict=True):
            total += count
            shown.append((bound, total))
        return shown
