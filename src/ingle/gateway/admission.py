"""Concurrency: how many invocations may be in flight at once."""

import dataclasses

from ingle.protocol import AwsError


@dataclasses.dataclass(slots=True)
class Admission:
    """The account's concurrency. Each `admit_nowait` that returns is followed by exactly one `release`."""

    limit: int
    in_flight: int = 0

    def admit_nowait(self) -> None:
        """Reserve one unit. Raises AwsError TooManyRequestsException where the limit is reached."""
        if self.in_flight >= self.limit:
            raise AwsError("TooManyRequestsException", "Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded")
        self.in_flight += 1

    def release(self) -> None:
        """Give one unit back."""
        if self.in_flight == 0:
            raise RuntimeError("more was released than admitted")
        self.in_flight -= 1
