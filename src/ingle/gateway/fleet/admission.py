"""Concurrency and request rates: what may be served now. Pure bookkeeping; the time comes from outside.

The rules are Lambda's (developer guide, "Understanding Lambda function scaling"):

- a function's reserved concurrency is both its guarantee and its cap, for all its versions together;
- a version's provisioned concurrency is its own. It is a part of what its function reserves, or else taken out of the
  account's; what goes beyond it spills over to whatever is left of the two;
- what all others share is the account's limit less everything reserved and provisioned;
- each of these is asked at most ten times its concurrency in a second. There is no such rule for one environment.
"""

import dataclasses
from collections.abc import Mapping

from ingle.protocol import AwsError
from ingle.values import Bucket

RATE_PER_UNIT = 10
FunctionKey = tuple[str, str, str]


@dataclasses.dataclass(slots=True)
class _Units:
    """Concurrency that nobody else gets, and the rate of requests that comes with it."""

    count: int
    bucket: Bucket


@dataclasses.dataclass(slots=True)
class _Function:
    """What is held for a function and what it has in flight; `on_demand` is all that its provisioned units don't hold."""

    reserved: int | None = None
    unprovisioned: _Units | None = None
    """What is left of `reserved` beside the provisioned units."""
    provisioned: dict[str, _Units] = dataclasses.field(default_factory=dict)
    running: dict[str, int] = dataclasses.field(default_factory=dict)
    """By version."""
    on_demand: int = 0

    @property
    def claim(self) -> int:
        """What the account's other functions can't have."""
        return self.reserved if self.reserved is not None else sum(one.count for one in self.provisioned.values())

    def is_provisioned(self, version: str, running: int) -> bool:
        """Say whether one more than `running` of a version would be within its provisioned units."""
        units = self.provisioned.get(version)
        return units is not None and running < units.count

    def count_on_demand(self) -> int:
        held = self.provisioned
        return sum(max(0, count - (held[name].count if name in held else 0)) for name, count in self.running.items())


class Admission:
    """What is in flight. Each `admit` that returns is followed by exactly one `release` of the same version."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._functions: dict[FunctionKey, _Function] = {}
        self._shared_limit = limit
        self._shared = 0
        """On demand and in flight of functions without a reservation."""
        self._bucket = Bucket(limit * RATE_PER_UNIT)

    @property
    def in_flight(self) -> int:
        return sum(sum(one.running.values()) for one in self._functions.values())

    def configure(self, function: FunctionKey, reserved: int | None, provisioned: Mapping[str, int]) -> None:
        """Hold this for a function from now on (None: nothing reserved); what is in flight stays and is counted anew."""
        held = self._functions.setdefault(function, _Function())
        wanted = {version: count for version, count in provisioned.items() if count}
        if reserved != held.reserved or wanted != {name: one.count for name, one in held.provisioned.items()}:
            self._hold(held, reserved, wanted)
        self._forget_unused(function, held)

    def _hold(self, held: _Function, reserved: int | None, provisioned: dict[str, int]) -> None:
        if held.reserved is None:
            self._shared -= held.on_demand
        claimed = held.claim
        held.reserved = reserved
        held.provisioned = {name: _units(count) for name, count in provisioned.items()}
        held.unprovisioned = _units(max(0, reserved - sum(provisioned.values()))) if reserved is not None else None
        held.on_demand = held.count_on_demand()
        if reserved is None:
            self._shared += held.on_demand
        self._shared_limit -= held.claim - claimed
        self._bucket.rate = self._bucket.burst = max(0, self._shared_limit) * RATE_PER_UNIT

    def _forget_unused(self, function: FunctionKey, held: _Function) -> None:
        if held.reserved is None and not held.provisioned and not held.running:
            self._functions.pop(function, None)

    @property
    def configured(self) -> set[FunctionKey]:
        """The functions for which something is held."""
        return {key for key, one in self._functions.items() if one.reserved is not None or one.provisioned}

    def admit(self, function: FunctionKey, version: str, now_s: float) -> None:
        """Count one more in flight; `now_s` is of a clock that never goes back.

        Raises AwsError TooManyRequestsException with the Reason that clients look at.
        """
        self._admit(function, version, now_s)

    def admit_event(self, function: FunctionKey, version: str) -> None:
        """Count one more in flight as `admit` does: an asynchronous event has no request rate (Lambda quotas)."""
        self._admit(function, version, None)

    def _admit(self, function: FunctionKey, version: str, now_s: float | None) -> None:
        held = self._functions.get(function) or _Function()
        running = held.running.get(version, 0)
        is_provisioned = held.is_provisioned(version, running)
        if not is_provisioned:
            self._check_room(held)
        if now_s is not None and not (is_provisioned and held.provisioned[version].bucket.take(now_s)):
            self._check_rate(held, now_s)
        if not is_provisioned:
            held.on_demand += 1
            if held.reserved is None:
                self._shared += 1
        held.running[version] = running + 1
        self._functions[function] = held

    def _check_room(self, held: _Function) -> None:
        if held.unprovisioned is not None:
            if held.on_demand >= held.unprovisioned.count:
                raise throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif self._shared >= self._shared_limit:
            raise throttled("ConcurrentInvocationLimitExceeded")

    def _check_rate(self, held: _Function, now_s: float) -> None:
        if held.unprovisioned is not None:
            if not held.unprovisioned.bucket.take(now_s):
                raise throttled("ReservedFunctionInvocationRateLimitExceeded")
        elif not self._bucket.take(now_s):
            raise throttled("FunctionInvocationRateLimitExceeded")

    def release(self, function: FunctionKey, version: str) -> None:
        """Count one less in flight."""
        held = self._functions.get(function)
        running = held.running.get(version, 0) if held is not None else 0
        if held is None or not running:
            raise RuntimeError("more was released than admitted")
        if not held.is_provisioned(version, running - 1):
            held.on_demand -= 1
            if held.reserved is None:
                self._shared -= 1
        if running == 1:
            del held.running[version]
            self._forget_unused(function, held)
        else:
            held.running[version] = running - 1


def _units(count: int) -> _Units:
    return _Units(count, Bucket(count * RATE_PER_UNIT))


def lacks_room(refusal: AwsError) -> bool:
    """Say whether an invocation was refused because others are in flight, and not by a rate."""
    return "Concurrent" in refusal.fields.get("Reason", "")


def throttled(reason: str) -> AwsError:
    """Return the error of a request that is over a limit (API reference, section 1)."""
    return AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason, Type="User")
