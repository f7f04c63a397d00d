"""How fast the environments of a function may become more. Pure bookkeeping; the time comes from outside.

Lambda's rule (developer guide, "Lambda scaling behavior"): each function gets at most 1,000 more environments in ten
seconds. The allowance comes back all the time and is not saved up beyond that.
"""

from ingle.gateway.fleet.admission import FunctionKey
from ingle.values import Bucket

BURST = 1000
PERIOD_S = 10.0


class Scaling:
    """Counts environments that are being made, by function."""

    def __init__(self) -> None:
        self._buckets: dict[FunctionKey, Bucket] = {}

    def take(self, function: FunctionKey, now_s: float) -> bool:
        """Count one more; say whether it may be made now. `now_s` is of a clock that never goes back."""
        bucket = self._buckets.get(function)
        if bucket is None:
            bucket = self._buckets[function] = Bucket(BURST / PERIOD_S, BURST)
        return bucket.take(now_s)

    def give_back(self, function: FunctionKey) -> None:
        """One that was counted could not be made."""
        if function in self._buckets:
            self._buckets[function].give_back()

    def forget_rested(self, now_s: float) -> None:
        """Drop the count of functions that have their whole allowance again."""
        for function in [key for key, bucket in self._buckets.items() if bucket.is_full(now_s)]:
            del self._buckets[function]
