"""What PutLogEvents takes of a batch, and what it rejects (CloudWatch Logs API reference)."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from ingle.control.services.logs.references import invalid
from ingle.telemetry import EVENT_OVERHEAD_BYTES

BATCH_LIMIT_BYTES = 1_048_576
_HOUR_MS = 3600 * 1000
_DAY_MS = 24 * _HOUR_MS
_FUTURE_MS = 2 * _HOUR_MS
_PAST_MS = 14 * _DAY_MS
_SPAN_MS = _DAY_MS


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The events to keep, as times and messages; `rejected` are the members of RejectedLogEventsInfo."""

    events: Sequence[tuple[int, str]]
    rejected: dict[str, int]


def plan_upload(given: Sequence[dict[str, Any]], retention_days: int | None, now_ms: int) -> Upload:
    """Say which events of a batch are kept. Raises AwsError where none is, because the batch is not well-formed."""
    _check_sizes(given)
    times = [one["timestamp"] for one in given]
    if any(later < earlier for earlier, later in itertools.pairwise(times)):
        raise invalid("Log events in a single PutLogEvents request must be in chronological order.")
    expired = _before(times, now_ms - retention_days * _DAY_MS) if retention_days is not None else 0
    too_old = _before(times, now_ms - _PAST_MS)
    too_new = _before(times, now_ms + _FUTURE_MS + 1)
    kept = range(max(expired, too_old), too_new)
    if len(kept) and times[kept[-1]] - times[kept[0]] > _SPAN_MS:
        raise invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    rejected = {"tooOldLogEventEndIndex": too_old} if too_old else {}
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < len(times):
        rejected["tooNewLogEventStartIndex"] = too_new
    return Upload(events=[(times[at], given[at]["message"]) for at in kept], rejected=rejected)


def _before(times: Sequence[int], bound_ms: int) -> int:
    """Return how many of these sorted times are before a bound."""
    return sum(at_ms < bound_ms for at_ms in times)


def _check_sizes(given: Sequence[dict[str, Any]]) -> None:
    sizes = [len(one["message"].encode()) + EVENT_OVERHEAD_BYTES for one in given]
    largest, total = max(sizes, default=0), sum(sizes)
    if largest > BATCH_LIMIT_BYTES:
        raise invalid(f"Log event too large: {largest} bytes exceeds limit of {BATCH_LIMIT_BYTES}")
    if total > BATCH_LIMIT_BYTES:
        raise invalid(f"Upload too large: {total} bytes exceeds limit of {BATCH_LIMIT_BYTES}")
