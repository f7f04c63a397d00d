"""Admission: never over a limit, never a leaked reservation, whatever comes in whatever order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ingle.gateway.fleet.admission import RATE_PER_UNIT, Admission, FunctionKey
from ingle.protocol import AwsError
from ingle.values import Bucket

LIMIT = 12
KEYS = [("0", "r", name) for name in "abc"]
VERSIONS = ["1", "$LATEST"]
keys = st.sampled_from(KEYS)
versions = st.sampled_from(VERSIONS)


class Machine(RuleBasedStateMachine):
    """Arrivals, ends, changed settings and time, against counting by hand. Who has gone away ends, too."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(LIMIT)
        self.now = 1.0
        self.running = {(key, version): 0 for key in KEYS for version in VERSIONS}
        self.reserved: dict[FunctionKey, int] = {}
        self.provisioned: dict[tuple[FunctionKey, str], int] = {}

    def on_demand(self, key: FunctionKey) -> int:
        """Count what of a function runs beyond the provisioned units of its version."""
        return sum(max(0, self.running[key, one] - self.provisioned.get((key, one), 0)) for one in VERSIONS)

    def provisioned_of(self, key: FunctionKey) -> int:
        return sum(self.provisioned.get((key, one), 0) for one in VERSIONS)

    def has_room(self, key: FunctionKey, version: str) -> bool:
        if self.running[key, version] < self.provisioned.get((key, version), 0):
            return True
        if key in self.reserved:
            return self.on_demand(key) < self.reserved[key] - self.provisioned_of(key)
        shared = sum(self.on_demand(one) for one in KEYS if one not in self.reserved)
        claimed = sum(self.reserved.get(one, self.provisioned_of(one)) for one in KEYS)
        return shared < LIMIT - claimed

    @rule(key=keys, version=versions)
    def arrive(self, key: FunctionKey, version: str) -> None:
        has_room = self.has_room(key, version)
        try:
            self.admission.admit(key, version, self.now)
        except AwsError as error:
            reason = error.fields["Reason"]
            assert reason.startswith("Reserved") == (key in self.reserved)
            assert has_room == ("RateLimit" in reason)
        else:
            assert has_room
            self.running[key, version] += 1

    @precondition(lambda self: any(self.running.values()))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        key, version = data.draw(st.sampled_from([one for one, count in self.running.items() if count]))
        self.admission.release(key, version)
        self.running[key, version] -= 1

    @rule(key=keys, units=st.none() | st.integers(0, 4), provisioned=st.dictionaries(versions, st.integers(0, 2)))
    def configure(self, key: FunctionKey, units: int | None, provisioned: dict[str, int]) -> None:
        if units is not None and sum(provisioned.values()) > units:
            return  # control lets nobody wish for that
        self.admission.configure(key, units, provisioned)
        self.reserved.pop(key, None)
        if units is not None:
            self.reserved[key] = units
        for version in VERSIONS:
            self.provisioned[key, version] = provisioned.get(version, 0)

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def counts_agree(self) -> None:
        assert self.admission.in_flight == sum(self.running.values())
        held = {key for key in KEYS if key in self.reserved or self.provisioned_of(key)}
        assert self.admission.configured == held


def test_no_interleaving_goes_over_a_limit_or_leaks_a_reservation() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=60, deadline=None))


def test_a_reservation_of_zero_closes_the_function() -> None:
    admission = Admission(LIMIT)
    admission.configure(KEYS[0], 0, {})
    with pytest.raises(AwsError) as refused:
        admission.admit(KEYS[0], "1", 1.0)
    assert refused.value.fields == {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User"}


def test_a_function_is_asked_ten_times_its_concurrency_in_a_second_at_most() -> None:
    admission = Admission(LIMIT)
    admission.configure(KEYS[0], 2, {})
    for _ in range(2 * RATE_PER_UNIT):
        admission.admit(KEYS[0], "1", 5.0)
        admission.release(KEYS[0], "1")
    with pytest.raises(AwsError) as refused:
        admission.admit(KEYS[0], "1", 5.0)
    assert refused.value.fields["Reason"] == "ReservedFunctionInvocationRateLimitExceeded"
    admission.admit(KEYS[0], "1", 5.06)


def test_provisioned_units_are_served_when_everything_else_is_full_and_what_is_more_spills_over() -> None:
    admission = Admission(3)
    admission.configure(KEYS[0], None, {"1": 1})
    for _ in range(2):
        admission.admit(KEYS[1], "$LATEST", 1.0)
    with pytest.raises(AwsError, match="Rate Exceeded"):
        admission.admit(KEYS[1], "$LATEST", 1.0)
    admission.admit(KEYS[0], "1", 1.0)
    admission.release(KEYS[1], "$LATEST")
    admission.admit(KEYS[0], "1", 1.0)
    with pytest.raises(AwsError):
        admission.admit(KEYS[1], "$LATEST", 1.0)


def test_where_all_that_is_reserved_is_provisioned_nothing_else_is_served() -> None:
    admission = Admission(LIMIT)
    admission.configure(KEYS[0], 2, {"1": 2})
    with pytest.raises(AwsError) as refused:
        admission.admit(KEYS[0], "$LATEST", 1.0)
    assert refused.value.fields["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    admission.admit(KEYS[0], "1", 1.0)


def test_a_bucket_keeps_no_more_than_one_second() -> None:
    bucket = Bucket(10)
    assert sum(bucket.take(100.0) for _ in range(50)) == 10
    assert sum(bucket.take(100.5) for _ in range(50)) == 5


def test_more_releases_than_admissions_are_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        Admission(1).release(KEYS[0], "1")
