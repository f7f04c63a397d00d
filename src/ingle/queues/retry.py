"""What becomes of an event: the rules of Lambda's asynchronous invocation (execution reference, section 7).

A function's error is retried twice, a minute and then two minutes later. Throttles and the platform's own errors go back
to the queue with a delay that doubles from one second up to five minutes, for as long as the event's age allows. An
attempt that would come too late is not waited for: with a maximum age of 60 s there is no retry at all.
"""

import enum

import msgspec

from ingle.queues.event import Condition, QueuedEvent

_FIRST_REFUSAL = 1 / 60
_LONGEST_REFUSAL = 5.0


class Outcome(enum.Enum):
    """How an attempt went."""

    SUCCEEDED = enum.auto()
    FAILED = enum.auto()
    """The function has answered with an error."""
    REFUSED = enum.auto()
    """It was throttled, is not active, or the platform failed."""


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a function's event invoke configuration says; the defaults are Lambda's."""

    maximum_retry_attempts: int = 2
    maximum_event_age_s: int = 21_600


def before_attempt(
    event: QueuedEvent, policy: RetryPolicy, reserved_concurrency: int | None, now_ms: int
) -> Condition | None:
    """Return why an event is not attempted any more, or None where it is."""
    if reserved_concurrency == 0:
        return Condition.ZERO_RESERVED_CONCURRENCY
    if now_ms - event.accepted_ms > policy.maximum_event_age_s * 1000:
        return Condition.EVENT_AGE_EXCEEDED
    return None


def after_attempt(
    event: QueuedEvent, outcome: Outcome, policy: RetryPolicy, retry_s: float, now_ms: int
) -> QueuedEvent | Condition:
    """Return the event as it waits for its next attempt, or how it has ended.

    `retry_s` is the delay of the first retry; all others are in proportion to it.
    """
    match outcome:
        case Outcome.SUCCEEDED:
            return Condition.SUCCESS
        case Outcome.FAILED:
            failures, refusals = event.failures + 1, 0
            if failures > policy.maximum_retry_attempts:
                return Condition.RETRIES_EXHAUSTED
            delay = 2.0 ** (failures - 1)
        case Outcome.REFUSED:
            failures, refusals = event.failures, event.refusals + 1
            delay = min(_FIRST_REFUSAL * 2.0 ** min(refusals - 1, 16), _LONGEST_REFUSAL)
    due_ms = now_ms + round(delay * retry_s * 1000)
    if due_ms - event.accepted_ms >= policy.maximum_event_age_s * 1000:
        return Condition.EVENT_AGE_EXCEEDED
    return msgspec.structs.replace(event, due_ms=due_ms, failures=failures, refusals=refusals)
