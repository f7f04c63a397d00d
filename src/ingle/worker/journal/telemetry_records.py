"""Events and lines as subscribers get them, by the schema that each has chosen. Pure."""

import contextlib
from typing import Any

import msgspec

from ingle.values import iso_time
from ingle.worker.journal.platform_events import (
    ExtensionStatus,
    Fault,
    LogsDropped,
    PlatformEvent,
    Report,
    RuntimeDone,
    Start,
    Subscribed,
)
from ingle.worker.journal.subscriptions import LOGS_SCHEMAS

_FIRST_WITH_OBJECTS = "2022-12-13"
_FIRST_WITH_RUNTIME_DONE = "2021-03-18"


def render_event(event: PlatformEvent, at_ms: int, schema: str) -> list[bytes]:
    """Return an event of the platform's as JSON: one or more records, none where the schema doesn't have it."""
    if schema in LOGS_SCHEMAS:
        records = _logs_records(event, schema)
    else:
        records = [] if isinstance(event, Fault) else [(event.kind, event.record())]
    return [_render(at_ms, kind, record) for kind, record in records]


def render_line(source: str, at_ms: int, message: bytes, schema: str, *, is_json: bool) -> bytes:
    """Return what a function or an extension has written; where its log is JSON, newer schemas have the object itself."""
    if is_json and schema >= _FIRST_WITH_OBJECTS and message.startswith(b"{"):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # which both ways may raise
            return _render(at_ms, source, msgspec.json.decode(message))
    return _render(at_ms, source, message.decode("utf-8", "replace"))


def _render(at_ms: int, kind: str, record: Any) -> bytes:
    return msgspec.json.encode({"time": iso_time(at_ms), "type": kind, "record": record})


def _logs_records(event: PlatformEvent, schema: str) -> list[tuple[str, Any]]:
    """Return what the Logs API, 2020-08-15 and 2021-03-18, has of an event."""
    match event:
        case Start():
            return [(event.kind, {"requestId": event.request_id, "version": event.version})]
        case RuntimeDone() if schema >= _FIRST_WITH_RUNTIME_DONE:
            status = event.outcome.record()["status"]
            shown = status if status in ("success", "timeout") else "failure"
            return [(event.kind, {"requestId": event.request_id, "status": shown})]
        case Report():
            metrics = {"requestId": event.request_id, "metrics": event.metrics()}
            return [("platform.end", {"requestId": event.request_id}), (event.kind, metrics)]
        case Fault() | ExtensionStatus() | Subscribed() | LogsDropped():
            return [(event.kind, event.record())]
    return []
