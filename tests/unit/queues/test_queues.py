"""What becomes of an event, by Lambda's rules of asynchronous invocation."""

import math
from typing import Any

import msgspec
import pytest

from ingle.queues import Agenda, Condition, Outcome, QueuedEvent, RetryPolicy, Window, after_attempt, before_attempt
from ingle.values import FunctionArn

ARN = FunctionArn(region="us-east-1", account="000000000000", name="f")
DEFAULT = RetryPolicy()
ACCEPTED_MS = 1_000_000


def event(**changes: Any) -> QueuedEvent:
    made = QueuedEvent(id=1, arn=ARN, request_id="r", accepted_ms=ACCEPTED_MS, due_ms=ACCEPTED_MS)
    return msgspec.structs.replace(made, **changes)


def walk(outcome: Outcome, policy: RetryPolicy = DEFAULT) -> tuple[list[float], Condition]:
    """Attempt an event until it ends; return the delays in seconds before each retry, and the end."""
    waiting = event()
    delays: list[float] = []
    while True:
        now_ms = waiting.due_ms
        result = after_attempt(waiting, outcome, policy, 60.0, now_ms)
        if isinstance(result, Condition):
            return delays, result
        delays.append((result.due_ms - now_ms) / 1000)
        waiting = result


def test_a_success_ends_it() -> None:
    assert walk(Outcome.SUCCEEDED) == ([], Condition.SUCCESS)


def test_a_functions_error_is_retried_after_one_minute_and_after_two() -> None:
    assert walk(Outcome.FAILED) == ([60, 120], Condition.RETRIES_EXHAUSTED)


@pytest.mark.parametrize("attempts", [0, 1, 2])
def test_the_number_of_retries_is_the_policys(attempts: int) -> None:
    delays, end = walk(Outcome.FAILED, RetryPolicy(maximum_retry_attempts=attempts))
    assert (len(delays), end) == (attempts, Condition.RETRIES_EXHAUSTED)


def test_a_throttle_is_retried_from_one_second_to_five_minutes_for_six_hours() -> None:
    delays, end = walk(Outcome.REFUSED, RetryPolicy(maximum_retry_attempts=0))
    assert delays[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert set(delays[9:]) == {300}
    assert 21_300 < sum(delays) < 21_600
    assert end is Condition.EVENT_AGE_EXCEEDED


def test_an_age_of_a_minute_leaves_no_retry_at_all() -> None:
    assert walk(Outcome.FAILED, RetryPolicy(maximum_event_age_s=60)) == ([], Condition.EVENT_AGE_EXCEEDED)


def test_throttles_do_not_count_as_retries_and_begin_anew_after_an_error() -> None:
    throttled = after_attempt(event(failures=1), Outcome.REFUSED, DEFAULT, 60.0, ACCEPTED_MS)
    assert isinstance(throttled, QueuedEvent)
    assert (throttled.failures, throttled.refusals) == (1, 1)
    failed = after_attempt(throttled, Outcome.FAILED, DEFAULT, 60.0, throttled.due_ms)
    assert isinstance(failed, QueuedEvent)
    assert (failed.failures, failed.refusals, failed.due_ms - throttled.due_ms) == (2, 0, 120_000)


def test_what_is_too_old_or_has_no_concurrency_is_not_attempted() -> None:
    old = ACCEPTED_MS + 21_600_001
    assert before_attempt(event(), DEFAULT, None, old) is Condition.EVENT_AGE_EXCEEDED
    assert before_attempt(event(), DEFAULT, None, old - 1) is None
    assert before_attempt(event(), DEFAULT, 0, ACCEPTED_MS) is Condition.ZERO_RESERVED_CONCURRENCY
    assert before_attempt(event(), DEFAULT, 1, ACCEPTED_MS) is None


def test_a_window_grows_for_slow_functions_alone_while_processors_are_idle() -> None:
    window = grown = Window(limit=10)
    assert window.after_answer(0.001, 0.9) == window
    assert window.after_answer(1.0, 0.1) == window
    for _ in range(5):
        grown = grown.after_answer(1.0, 0.9)
    assert grown.size == 10
    assert (grown.free(4), grown.free(12)) == (6, 0)
    assert Window(limit=2).free(0) == 2


def test_a_window_shrinks_where_no_processor_is_idle_and_halves_when_refused() -> None:
    window = Window(limit=10)
    for _ in range(20):
        window = window.after_answer(1.0, 0.01)
    assert window.size == 1
    refused = Window(limit=10).after_refusal()
    assert refused.size == 4
    for _ in range(5):
        refused = refused.after_refusal()
    assert refused.size == 1


def test_the_agenda_takes_functions_in_turn_and_each_at_its_earliest_time() -> None:
    agenda, one, two = Agenda(), ("0", "r", "one"), ("0", "r", "two")
    agenda.note(one, 500, 100)
    agenda.note(one, 900, 100)
    agenda.note(two, 300, 100)
    agenda.note(two, 200, 100)
    assert (agenda.due(100), agenda.next_ms()) == ((), 200)
    assert (agenda.due(200), agenda.next_ms()) == ((two,), 300)  # what was noted first counts no more
    agenda.strike(two)
    assert agenda.due(499) == ()
    agenda.note(two, 0, 499)
    assert agenda.due(500) == (two, one)
    agenda.strike(two)
    agenda.note(two, 0, 500)
    assert agenda.due(500) == (one, two)
    agenda.strike(one)
    agenda.strike(two)
    assert (agenda.due(10_000), agenda.next_ms()) == ((), math.inf)
