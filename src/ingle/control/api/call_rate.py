"""How many management calls a second an account may make in a region (API reference, section 11: API rates)."""

from ingle.protocol import AwsError
from ingle.values import Bucket

GET_FUNCTION_SHARE = 100 / 15
"""What AWS allows of GetFunction for each of the other calls."""
_OWN_RATE = {"GetFunction": GET_FUNCTION_SHARE, "GetPolicy": 1.0}


class CallRate:
    """Keeps every account and region to `rate` calls a second; GetFunction and GetPolicy are counted apart."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: dict[tuple[str, str, str], Bucket] = {}

    def take(self, account: str, region: str, operation: str, now_s: float) -> None:
        """Count one call. Raises AwsError TooManyRequestsException where there were too many."""
        kind = operation if operation in _OWN_RATE else ""
        key = account, region, kind
        bucket = self._buckets.get(key)
        if bucket is None:
            self._forget_unused(now_s)
            bucket = self._buckets[key] = Bucket(self._rate * _OWN_RATE.get(kind, 1.0))
        if not bucket.take(now_s):
            raise AwsError("TooManyRequestsException", "Rate exceeded", Reason="CallerRateLimitExceeded")

    def _forget_unused(self, now_s: float) -> None:
        """Keep no bucket that is full: any region that a caller makes up has one."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if not bucket.is_full(now_s)}
