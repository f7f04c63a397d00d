"""The record of an asynchronous invocation that a destination gets (execution reference, section 7)."""

from typing import Any

import msgspec

from ingle.queues.event import Condition, QueuedEvent
from ingle.values import iso_time

_REPORTED = (
    Condition.SUCCESS,
    Condition.RETRIES_EXHAUSTED,
    Condition.EVENT_AGE_EXCEEDED,
    Condition.ZERO_RESERVED_CONCURRENCY,
    Condition.RECURSION,
)


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What the last attempt brought: the version that ran, its kind of error ("" for none) and its answer."""

    executed_version: str
    function_error: str = ""
    payload: bytes = b"null"


def is_reported(condition: Condition) -> bool:
    """Say whether a destination hears of events that end so; those that nobody can read or run any more are not."""
    return condition in _REPORTED


def invocation_record(
    event: QueuedEvent, condition: Condition, payload: bytes, answered: Answered | None, now_ms: int
) -> bytes:
    """Return the record, as JSON. `payload` is what the event brought.

    An event that has run is counted with its last attempt; one that was refused to the end has no response.
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso_time(now_ms),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": str(event.arn if event.arn.qualifier else event.arn.qualified("$LATEST")),
            "condition": condition,
            "approximateInvokeCount": event.failures + (1 if answered is not None else 0),
        },
        "requestPayload": _as_json(payload),
    }
    if answered is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": answered.executed_version}
        record["responseContext"] = {
            **context,
            **({"functionError": answered.function_error} if answered.function_error else {}),
        }
        record["responsePayload"] = _as_json(answered.payload)
    return msgspec.json.encode(record)


def _as_json(payload: bytes) -> msgspec.Raw | str:
    """Return what a payload is in a record: itself where it is JSON, else a text, as a runtime may answer anything."""
    try:
        msgspec.json.decode(payload or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode("utf-8", "replace")
    return msgspec.Raw(payload or b"null")
