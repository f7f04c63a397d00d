"""CloudWatch Logs: reading what functions have logged."""

import base64
import hashlib
import shlex
from typing import Any

import msgspec

from ingle.control.log_store import LogStore
from ingle.control.request import Answered, Handler, Request
from ingle.protocol import AwsError
from ingle.telemetry import LogEvent, LogGroup, LogStreamInfo

_PAGE_EVENTS = 10_000


class Logs:
    """The handlers of the Logs operations."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        return {
            "DescribeLogGroups": self.describe_groups,
            "DescribeLogStreams": self.describe_streams,
            "FilterLogEvents": self.filter_events,
            "GetLogEvents": self.get_events,
        }

    def _arn(self, request: Request, name: str) -> str:
        return f"arn:aws:logs:{request.region}:{request.account}:log-group:{name}"

    def _group(self, request: Request) -> LogGroup:
        name = request.input.get("logGroupName")
        if name is None:
            name = request.input.get("logGroupIdentifier", "").removesuffix(":*").rpartition(":log-group:")[2]
        group = self._store.find(request.account, request.region, name)
        if group is None:
            raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
        return group

    async def describe_groups(self, request: Request) -> Answered:
        """DescribeLogGroups."""
        prefix, pattern = request.input.get("logGroupNamePrefix", ""), request.input.get("logGroupNamePattern", "")
        groups = self._store.groups(request.account, request.region)
        found = [one for one in groups if one.name.startswith(prefix) and pattern in one.name]
        page, token = _page(found, request.input, 50)
        shown = [
            {
                "logGroupName": group.name,
                "creationTime": group.created_ms,
                "metricFilterCount": 0,
                "arn": self._arn(request, group.name) + ":*",
                "storedBytes": group.stored_bytes,
                "logGroupClass": "STANDARD",
                "logGroupArn": self._arn(request, group.name),
            }
            for group in page
        ]
        return Answered({"logGroups": shown, "nextToken": token})

    async def describe_streams(self, request: Request) -> Answered:
        """DescribeLogStreams."""
        group = self._group(request)
        prefix = request.input.get("logStreamNamePrefix", "")
        streams = [one for one in group.streams.values() if one.name.startswith(prefix)]
        if request.input.get("orderBy") == "LastEventTime":
            if prefix:
                raise AwsError("InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
            streams.sort(key=lambda one: (one.last_ms, one.name))
        else:
            streams.sort(key=lambda one: one.name)
        if request.input.get("descending"):
            streams.reverse()
        page, token = _page(streams, request.input, 50)
        shown = [self._show_stream(request, group, stream) for stream in page]
        return Answered({"logStreams": shown, "nextToken": token})

    def _show_stream(self, request: Request, group: LogGroup, stream: LogStreamInfo) -> dict[str, Any]:
        return {
            "logStreamName": stream.name,
            "creationTime": stream.first_ms,
            "firstEventTimestamp": stream.first_ms,
            "lastEventTimestamp": stream.last_ms,
            "lastIngestionTime": stream.last_ms,
            "uploadSequenceToken": "0",
            "arn": f"{self._arn(request, group.name)}:log-stream:{stream.name}",
            "storedBytes": 0,
        }

    async def get_events(self, request: Request) -> Answered:
        """GetLogEvents. Tokens are `f/` and `b/` with the position of the next event in that direction."""
        group = self._group(request)
        name = request.input["logStreamName"]
        if name not in group.streams:
            raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
        wanted = request.input
        events = list(group.events(streams={name}, start_ms=wanted.get("startTime"), end_ms=wanted.get("endTime")))
        limit = min(wanted.get("limit", _PAGE_EVENTS), _PAGE_EVENTS)
        token = wanted.get("nextToken")
        if token is not None:
            direction, _, text = token.partition("/")
            if direction not in ("f", "b") or not (text.isascii() and text.isdigit()):
                raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
            if direction == "f":
                page = [one for one in events if one.position >= int(text)][:limit]
                last = int(text)
            else:
                page = [one for one in events if one.position < int(text)][-limit:]
                last = int(text)
        else:
            page = events[:limit] if wanted.get("startFromHead") else events[-limit:]
            last = events[-1].position + 1 if events else 0
        first, behind = (page[0].position, page[-1].position + 1) if page else (last, last)
        shown = [{"timestamp": one.at_ms, "message": one.message, "ingestionTime": one.at_ms} for one in page]
        return Answered(
            {"events": shown, "nextForwardToken": f"f/{behind:056d}", "nextBackwardToken": f"b/{first:056d}"}
        )

    async def filter_events(self, request: Request) -> Answered:
        """FilterLogEvents: terms that must all occur, quoted or not, `?` for any of them, `-` for none."""
        group = self._group(request)
        wanted = request.input
        names = set(wanted["logStreamNames"]) if wanted.get("logStreamNames") else None
        prefix = wanted.get("logStreamNamePrefix")
        if prefix is not None:
            names = {name for name in group.streams if name.startswith(prefix)}
        matches = _compile(wanted.get("filterPattern", ""))
        last_ms = wanted.get("endTime")  # inclusive here, exclusive in GetLogEvents (CloudWatch Logs API reference)
        end_ms = None if last_ms is None else last_ms + 1
        found = group.events(streams=names, start_ms=wanted.get("startTime"), end_ms=end_ms)
        events = sorted((one for one in found if matches(one.message)), key=lambda one: one.at_ms)
        page, token = _page(events, wanted, _PAGE_EVENTS)
        shown = [
            {
                "logStreamName": one.stream,
                "timestamp": one.at_ms,
                "message": one.message,
                "ingestionTime": one.at_ms,
                "eventId": _event_id(one),
            }
            for one in page
        ]
        searched = [{"logStreamName": name, "searchedCompletely": True} for name in sorted(names or ())]
        return Answered({"events": shown, "searchedLogStreams": searched, "nextToken": token})


def _event_id(event: LogEvent) -> str:
    digest = hashlib.sha256(f"{event.stream}/{event.position}".encode()).digest()
    return f"{event.at_ms:020d}{int.from_bytes(digest[:14]):036d}"


def _page(items: list[Any], wanted: dict[str, Any], default: int) -> tuple[list[Any], str | None]:
    """Return a page and the token of the next one."""
    start = 0
    if wanted.get("nextToken"):
        try:
            start = int(
                msgspec.json.decode(base64.b64decode(wanted["nextToken"], altchars=b"-_", validate=True), type=int)
            )
            if start < 0:
                raise ValueError(start)
        except (ValueError, msgspec.DecodeError):
            raise AwsError("InvalidParameterException", "The specified nextToken is invalid.") from None
    count = min(wanted.get("limit", default), default)
    is_more = start + count < len(items)
    token = base64.urlsafe_b64encode(msgspec.json.encode(start + count)).decode() if is_more else None
    return items[start : start + count], token


def _compile(pattern: str) -> Any:
    if pattern.lstrip().startswith(("{", "[", "%")):
        raise AwsError(
            "InvalidParameterException", "Ingle matches terms only: no JSON, space-delimited or regex patterns."
        )
    try:
        terms = shlex.split(pattern)
    except ValueError:
        raise AwsError("InvalidParameterException", "Invalid filter pattern") from None
    any_of = [term[1:] for term in terms if term.startswith("?")]
    none_of = [term[1:] for term in terms if term.startswith("-")]
    all_of = [term for term in terms if not term.startswith(("?", "-"))]

    def matches(message: str) -> bool:
        return (
            all(term in message for term in all_of)
            and not any(term in message for term in none_of)
            and (not any_of or any(term in message for term in any_of))
        )

    return matches
