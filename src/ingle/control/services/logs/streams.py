"""Log streams: made, described, deleted."""

from typing import Any

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.services.logs.references import check_stream, find_group, invalid, key_of, page_of
from ingle.protocol import AwsError
from ingle.telemetry import LogStreamInfo


class LogStreams:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "CreateLogStream": self.create,
            "DeleteLogStream": self.delete,
            "DescribeLogStreams": self.describe,
        }

    async def create(self, request: Request) -> Answered:
        """CreateLogStream."""
        key, name = key_of(request), request.input["logStreamName"]
        if name in find_group(self._store, key).streams:
            raise AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")
        self._store.create_stream(key, name)
        return Answered({})

    async def delete(self, request: Request) -> Answered:
        """DeleteLogStream."""
        key, name = key_of(request), request.input["logStreamName"]
        check_stream(find_group(self._store, key), name)
        await self._store.delete_stream(key, name)
        return Answered({})

    async def describe(self, request: Request) -> Answered:
        """DescribeLogStreams."""
        wanted, key = request.input, key_of(request)
        prefix, by_time = wanted.get("logStreamNamePrefix"), wanted.get("orderBy") == "LastEventTime"
        if by_time and prefix is not None:
            raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        group = find_group(self._store, key)
        descending = wanted.get("descending", False)

        def rank(stream: LogStreamInfo) -> tuple[int, str]:
            return (stream.last_ms or 0) if by_time else 0, stream.name

        found = [one for one in group.streams.values() if one.name.startswith(prefix or "")]
        found.sort(key=rank, reverse=descending)
        page, token = page_of(found, wanted, rank, descending=descending)
        return Answered({"logStreams": [_show(key, one) for one in page], "nextToken": token})


def _show(key: GroupKey, stream: LogStreamInfo) -> dict[str, Any]:
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.ingested_ms,
        "uploadSequenceToken": sequence_token(stream),
        "arn": f"{key.arn}:log-stream:{stream.name}",
        "storedBytes": 0,
    }


def sequence_token(stream: LogStreamInfo) -> str:
    """Return what AWS gives to be named by the next PutLogEvents, which looks at it no more."""
    return f"49{stream.next_position:054d}"
