"""Log events: put, read stream by stream, and searched in a group."""

from typing import Any

import structlog

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.logs.log_store import LogStore
from ingle.control.services.logs.filters import matcher_of
from ingle.control.services.logs.references import (
    check_stream,
    find_group,
    invalid,
    key_of,
    read_token,
    write_token,
)
from ingle.control.services.logs.streams import sequence_token
from ingle.control.services.logs.uploads import plan_upload
from ingle.protocol import AwsError
from ingle.telemetry import (
    NO_END_MS,
    SEARCH_BYTES,
    EventKey,
    LogBatchFacts,
    LogEvent,
    LogGroup,
    LogQuery,
    encode_event,
    event_id,
)
from ingle.values import Clock

_log = structlog.get_logger("ingle.control")
_PAGE_EVENTS = 10_000
_BACKWARD_SINCE_MS = 1_704_067_200_000
"""FilterLogEvents goes backward for times from 2024-01-01 on only (CloudWatch Logs API reference)."""
_START: EventKey = (0, 0, 0, 0)
_DIGITS = (16, 10, 16, 14)


class LogEvents:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "FilterLogEvents": self.filter_events,
            "GetLogEvents": self.get_events,
            "PutLogEvents": self.put_events,
        }

    async def put_events(self, request: Request) -> Answered:
        """PutLogEvents: durable on return."""
        key, name = key_of(request), request.input["logStreamName"]
        group = find_group(self._store, key)
        check_stream(group, name)
        now_ms = self._clock.now_ms()
        upload = plan_upload(request.input["logEvents"], group.settings.retention_days, now_ms)
        if upload.events:
            facts = LogBatchFacts(
                stream=name,
                first_ms=upload.events[0][0],
                last_ms=upload.events[-1][0],
                count=len(upload.events),
                ingested_ms=now_ms,
            )
            data = b"".join(encode_event(at_ms, message.encode()) for at_ms, message in upload.events)
            try:
                await self._store.append(key, facts, data, is_synced=True)
            except OSError as error:
                _log.error("logs.not_kept", events=facts.count, reason=error.strerror)
                raise AwsError("ServiceUnavailableException", "The events could not be kept.") from None
        stream = group.streams.get(name)  # it may have been deleted meanwhile
        token = sequence_token(stream) if stream is not None else None
        return Answered({"nextSequenceToken": token, "rejectedLogEventsInfo": upload.rejected or None})

    async def get_events(self, request: Request) -> Answered:
        """GetLogEvents. Tokens are `f/` and `b/` with a place between two events."""
        wanted = request.input
        group = find_group(self._store, key_of(request))
        check_stream(group, wanted["logStreamName"])
        is_forward, origin = wanted.get("startFromHead", False), None
        if wanted.get("nextToken") is not None:
            is_forward, origin = _read_place(wanted["nextToken"])
        query = LogQuery(
            streams=frozenset({wanted["logStreamName"]}),
            start_ms=wanted.get("startTime", 0),
            end_ms=wanted.get("endTime", NO_END_MS),
            is_backward=not is_forward,
            origin=origin,
            limit=wanted.get("limit", _PAGE_EVENTS),
        )
        page = await self._store.page(group, query)
        events = page.events if is_forward else page.events[::-1]
        first = last = origin or _START
        if events:
            first, (*place, number) = events[0].key, events[-1].key
            last = (place[0], place[1], place[2], number + 1)
        return Answered(
            {
                "events": [_show(one) for one in events],
                "nextForwardToken": _write_place("f", last),
                "nextBackwardToken": _write_place("b", first),
            }
        )

    async def filter_events(self, request: Request) -> Answered:
        """FilterLogEvents. `endTime` is inclusive here, exclusive in GetLogEvents (CloudWatch Logs API reference)."""
        wanted, key = request.input, key_of(request)
        group = find_group(self._store, key)
        is_backward, origin = not wanted.get("startFromHead", True), None
        if wanted.get("nextToken"):
            is_backward, origin = read_token(wanted["nextToken"], tuple[bool, EventKey])
        elif is_backward and wanted.get("startTime", 0) < _BACKWARD_SINCE_MS:
            raise invalid("startFromHead can be false only where startTime is on or after 2024-01-01T00:00:00Z.")
        query = LogQuery(
            streams=_streams(group, wanted),
            start_ms=wanted.get("startTime", 0),
            end_ms=wanted["endTime"] + 1 if "endTime" in wanted else NO_END_MS,
            matches=matcher_of(wanted.get("filterPattern", "")),
            is_backward=is_backward,
            origin=origin,
            limit=wanted.get("limit", _PAGE_EVENTS),
            search_bytes=SEARCH_BYTES,
        )
        page = await self._store.page(group, query)
        token = write_token((is_backward, page.resume)) if page.resume is not None else None
        shown = [{"logStreamName": one.stream, **_show(one), "eventId": event_id(one)} for one in page.events]
        return Answered({"events": shown, "searchedLogStreams": [], "nextToken": token})


def _streams(group: LogGroup, wanted: dict[str, Any]) -> frozenset[str] | None:
    """Return the streams that a search is limited to. Raises AwsError."""
    names, prefix = wanted.get("logStreamNames"), wanted.get("logStreamNamePrefix")
    if names is not None and prefix is not None:
        raise invalid("Only one of logStreamNames or logStreamNamePrefix can be provided.")
    for name in names or ():
        check_stream(group, name)
    if prefix is not None:
        return frozenset(name for name in group.streams if name.startswith(prefix))
    return frozenset(names) if names is not None else None


def _show(event: LogEvent) -> dict[str, Any]:
    return {"timestamp": event.at_ms, "message": event.message, "ingestionTime": event.ingested_ms}


def _write_place(direction: str, key: EventKey) -> str:
    return f"{direction}/{''.join(f'{part:0{size}d}' for part, size in zip(key, _DIGITS, strict=True))}/s"


def _read_place(text: str) -> tuple[bool, EventKey]:
    direction, _, rest = text.partition("/")
    digits = rest.removesuffix("/s")
    if direction not in ("f", "b") or len(digits) != sum(_DIGITS) or not (digits.isascii() and digits.isdigit()):
        raise invalid("The specified nextToken is invalid.")
    parts = []
    for size in _DIGITS:
        parts.append(int(digits[:size]))
        digits = digits[size:]
    return direction == "f", (parts[0], parts[1], parts[2], parts[3])
