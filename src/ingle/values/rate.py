"""A rate that is kept to, as a bucket of tokens."""


class Bucket:
    """A rate: `rate` tokens come each second, and at most `burst` are kept; one second's worth where that isn't told."""

    __slots__ = ("_at_s", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self.rate = rate
        self.burst = rate if burst is None else burst
        self._tokens = self.burst
        self._at_s = 0.0

    def take(self, now_s: float) -> bool:
        """Take one token; say whether there was one."""
        self._refill(now_s)
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def give_back(self) -> None:
        """Return a token that was taken for nothing."""
        self._tokens = min(self.burst, self._tokens + 1.0)

    def is_full(self, now_s: float) -> bool:
        self._refill(now_s)
        return self._tokens >= self.burst

    def _refill(self, now_s: float) -> None:
        self._tokens = min(self.burst, self._tokens + (now_s - self._at_s) * self.rate)
        self._at_s = now_s
