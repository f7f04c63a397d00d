"""Concurrency and request rates: what may be served now. Pure bookkeeping; the time comes from outside.

The rules are Lambda's (developer guide, "Understanding Lambda function scaling"): a function's reserved concurrency is both
its guarantee and its cap, what all others share is the account's limit less everything reserved, and a function or the
account is asked at most ten times its concurrency in a second.
"""

import dataclasses
from collections.abc import Mapping

from ingle.protocol import AwsError

RATE_PER_UNIT = 10
FunctionKey = tuple[str, str, str]


class Bucket:
    """A request rate: `rate` tokens come each second, at most one second's worth is kept."""

    __slots__ = ("_at_s", "_tokens", "rate")

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self._tokens = rate
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take one token; say whether there was one."""
        self._tokens = min(self.rate, self._tokens + (now_s - self._at_s) * self.rate)
        self._at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True


@dataclasses.dataclass(slots=True)
class _Reserved:
    units: int
    bucket: Bucket


class Admission:
    """What is in flight, by function. Each `admit` that returns is followed by exactly one `release`."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._in_flight: dict[FunctionKey, int] = {}
        self._reserved: dict[FunctionKey, _Reserved] = {}
        self._shared_limit = limit
        self._shared = 0
        """In flight of functions without a reservation."""
        self._bucket = Bucket(limit * RATE_PER_UNIT)

    @property
    def in_flight(self) -> int:
        return sum(self._in_flight.values())

    def reserve(self, function: FunctionKey, units: int | None) -> None:
        """Set a function's reserved concurrency, or None for none; what is in flight stays and is counted anew."""
        before = self._reserved.get(function)
        if units == (before.units if before is not None else None):
            return
        running = self._in_flight.get(function, 0)
        if before is None:
            self._shared -= running
        else:
            del self._reserved[function]
        if units is None:
            self._shared += running
        else:
            self._reserved[function] = _Reserved(units, Bucket(units * RATE_PER_UNIT))
        self._shared_limit = self.limit - sum(one.units for one in self._reserved.values())

    def follow(self, reserved: Mapping[FunctionKey, int]) -> None:
        """Have these functions, and no others, reserve concurrency."""
        for function in {*self._reserved, *reserved}:
            self.reserve(function, reserved.get(function))

    def admit(self, function: FunctionKey, now_s: float) -> None:
        """Count one more in flight; `now_s` is of a clock that never goes back.

        Raises AwsError TooManyRequestsException with the Reason that clients look at.
        """
        running = self._in_flight.get(function, 0)
        reserved = self._reserved.get(function)
        if reserved is not None:
            if running >= reserved.units:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            if not reserved.bucket.take(now_s):
                raise _throttled("ReservedFunctionInvocationRateLimitExceeded")
        else:
            if self._shared >= self._shared_limit:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            if not self._bucket.take(now_s):
                raise _throttled("FunctionInvocationRateLimitExceeded")
            self._shared += 1
        self._in_flight[function] = running + 1

    def release(self, function: FunctionKey) -> None:
        """Count one less in flight."""
        running = self._in_flight.get(function, 0)
        if not running:
            raise RuntimeError("more was released than admitted")
        if function not in self._reserved:
            self._shared -= 1
        if running == 1:
            del self._in_flight[function]
        else:
            self._in_flight[function] = running - 1


def _throttled(reason: str) -> AwsError:
    return AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason, Type="User")
