"""Admission: never over a limit, never a leaked reservation, whatever comes in whatever order."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ingle.gateway.admission import RATE_PER_UNIT, Admission, Bucket
from ingle.protocol import AwsError

LIMIT = 12
KEYS = [("0", "r", name) for name in "abc"]
keys = st.sampled_from(KEYS)


class Machine(RuleBasedStateMachine):
    """Arrivals, ends, changed reservations and time, against counting by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = Admission(LIMIT)
        self.now = 1.0
        self.running = dict.fromkeys(KEYS, 0)
        self.reserved: dict[tuple[str, str, str], int] = {}

    @rule(key=keys)
    def arrive(self, key: tuple[str, str, str]) -> None:
        try:
            self.admission.admit(key, self.now)
        except AwsError as error:
            reason = error.fields["Reason"]
            if "RateLimit" in reason:
                return
            if key in self.reserved:
                assert self.running[key] >= self.reserved[key]
                assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
            else:
                assert self.shared() >= LIMIT - sum(self.reserved.values())
                assert reason == "ConcurrentInvocationLimitExceeded"
        else:
            if key in self.reserved:
                assert self.running[key] < self.reserved[key]
            else:
                assert self.shared() < LIMIT - sum(self.reserved.values())
            self.running[key] += 1

    def shared(self) -> int:
        return sum(count for key, count in self.running.items() if key not in self.reserved)

    @precondition(lambda self: any(self.running.values()))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([key for key, count in self.running.items() if count]))
        self.admission.release(key)
        self.running[key] -= 1

    @rule(key=keys, units=st.none() | st.integers(0, 4))
    def reserve(self, key: tuple[str, str, str], units: int | None) -> None:
        self.admission.reserve(key, units)
        self.reserved.pop(key, None)
        if units is not None:
            self.reserved[key] = units

    @rule(seconds=st.floats(0, 2))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def counts_agree(self) -> None:
        assert self.admission.in_flight == sum(self.running.values())


def test_no_interleaving_goes_over_a_limit_or_leaks_a_reservation() -> None:
    run_state_machine_as_test(Machine, settings=settings(max_examples=60, stateful_step_count=60, deadline=None))


def test_a_reservation_of_zero_closes_the_function() -> None:
    admission = Admission(LIMIT)
    admission.reserve(KEYS[0], 0)
    with pytest.raises(AwsError) as refused:
        admission.admit(KEYS[0], 1.0)
    assert refused.value.fields == {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User"}


def test_a_function_is_asked_ten_times_its_concurrency_in_a_second_at_most() -> None:
    admission = Admission(LIMIT)
    admission.reserve(KEYS[0], 2)
    for _ in range(2 * RATE_PER_UNIT):
        admission.admit(KEYS[0], 5.0)
        admission.release(KEYS[0])
    with pytest.raises(AwsError) as refused:
        admission.admit(KEYS[0], 5.0)
    assert refused.value.fields["Reason"] == "ReservedFunctionInvocationRateLimitExceeded"
    admission.admit(KEYS[0], 5.06)


def test_a_bucket_keeps_no_more_than_one_second() -> None:
    bucket = Bucket(10)
    assert sum(bucket.take(100.0) for _ in range(50)) == 10
    assert sum(bucket.take(100.5) for _ in range(50)) == 5


def test_more_releases_than_admissions_are_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        Admission(1).release(KEYS[0])
