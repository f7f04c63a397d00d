"""Reading events in the order of their times, page by page, in bounded memory.

Batches lie in the order in which they came, and their times overlap. A sweep keeps a heap of segments, frames and events,
each by the earliest time that it may hold: what is on top is opened if it is a segment or a frame, and is next if it is an
event. So a page opens what its own time span touches, and nothing else. Backward, the latest times come first.
"""

import dataclasses
import hashlib
import heapq
import itertools
import os
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from ingle.telemetry.segments import Damage, Frame, Segment, SegmentError, scan

_EVENT_HEAD = struct.Struct(">QI")
PAGE_BYTES = 1 << 20
"""What the messages of a page come to (GetLogEvents and FilterLogEvents, CloudWatch Logs API reference)."""
EVENT_OVERHEAD_BYTES = 26
SEARCH_BYTES = 16 << 20
SEARCH_S = 2.0
"""How much one request opens in search of events that match, and how long; it then answers with a shorter page."""

NO_END_MS = 1 << 62

EventKey = tuple[int, int, int, int]
"""Time, segment, offset of the frame, number within it: the order of a group's events."""


class LogEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `position` grows within its stream and names it for good."""

    stream: str
    at_ms: int
    message: str
    position: int
    ingested_ms: int
    key: EventKey = (0, 0, 0, 0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which events are wanted: of some streams and times (end exclusive), from a key on or, backward, before it."""

    streams: frozenset[str] | None = None
    start_ms: int = 0
    end_ms: int = NO_END_MS
    matches: Callable[[str], bool] | None = None
    is_backward: bool = False
    origin: EventKey | None = None
    limit: int = 10_000
    search_bytes: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Events in the order of the query; `resume` is the origin of the next page, None behind the last."""

    events: Sequence[LogEvent]
    resume: EventKey | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SegmentReader:
    """What reading takes: the segments as they are now, and their seals. Any thread may use it."""

    segments: Sequence[Segment]
    open: Callable[[int, Frame], bytes]
    on_damage: Callable[[int, Damage], None]


def decode_events(frame: Frame, data: bytes) -> Iterator[LogEvent]:
    """Yield the events of an opened frame."""
    at, position = 0, frame.header.position
    for number in range(frame.header.count):
        at_ms, length = _EVENT_HEAD.unpack_from(data, at)
        at += _EVENT_HEAD.size
        yield LogEvent(
            stream=frame.header.stream,
            at_ms=at_ms,
            message=data[at : at + length].decode("utf-8", "replace"),
            position=position + number,
            ingested_ms=frame.header.ingested_ms,
            key=(at_ms, frame.segment, frame.offset, number),
        )
        at += length


def encode_event(at_ms: int, message: bytes) -> bytes:
    """Return an event as it lies in a frame."""
    return _EVENT_HEAD.pack(at_ms, len(message)) + message


def event_id(event: LogEvent) -> str:
    """Return what names an event for good."""
    digest = hashlib.sha256(f"{event.stream}/{event.position}".encode()).digest()
    return f"{event.at_ms:020d}{int.from_bytes(digest[:14]):036d}"


class _OpenSegment:
    """A segment that is being read; closed with its last frame."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.wanted = 0

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


_Item = Segment | tuple[_OpenSegment, Frame] | LogEvent


class Sweep:
    """Goes through a group's events once, for one query."""

    def __init__(self, reader: SegmentReader, query: LogQuery) -> None:
        self._reader = reader
        self._query = query
        self._sign = -1 if query.is_backward else 1
        self._heap: list[tuple[tuple[int, ...], int, _Item]] = []
        self._count = itertools.count()
        self._open: set[_OpenSegment] = set()
        self._opened_bytes = 0
        self._until_s = time.monotonic() + SEARCH_S

    def page(self) -> LogPage:
        """Return the page that the query asks for."""
        try:
            for segment in self._reader.segments:
                if self._spans(segment.first_ms, segment.last_ms):
                    self._push(self._bound(segment.first_ms, segment.last_ms), segment)
            return self._collect()
        finally:
            for held in self._open:
                held.close()

    def _collect(self) -> LogPage:
        events: list[LogEvent] = []
        held_bytes = 0
        while self._heap:
            bound, _, item = heapq.heappop(self._heap)
            if isinstance(item, Segment):
                self._open_segment(item)
            elif isinstance(item, LogEvent):
                size = len(item.message) + EVENT_OVERHEAD_BYTES
                if len(events) >= self._query.limit or (events and held_bytes + size > PAGE_BYTES):
                    return LogPage(events=events, resume=self._before(item.key))
                events.append(item)
                held_bytes += size
            elif self._is_enough() and self._is_beyond_origin(resume := self._before_frame(bound)):
                return LogPage(events=events, resume=resume)
            else:
                self._open_frame(*item)
        return LogPage(events=events, resume=None)

    def _push(self, bound: tuple[int, ...], item: _Item) -> None:
        heapq.heappush(self._heap, (bound, next(self._count), item))

    def _bound(self, first_ms: int, last_ms: int) -> tuple[int, ...]:
        return (first_ms,) if self._sign > 0 else (-last_ms,)

    def _before(self, key: EventKey) -> EventKey:
        """Return the origin of a page that begins with an event."""
        return key if self._sign > 0 else (*key[:3], key[3] + 1)

    def _before_frame(self, bound: tuple[int, ...]) -> EventKey:
        return (bound[0], 0, 0, 0) if self._sign > 0 else (1 - bound[0], 0, 0, 0)

    def _is_beyond_origin(self, key: EventKey) -> bool:
        """Say whether a page that ends here has come further than the one before: frames may begin before an origin."""
        origin = self._query.origin
        return origin is None or (key > origin if self._sign > 0 else key < origin)

    def _is_enough(self) -> bool:
        limit = self._query.search_bytes
        return limit is not None and (self._opened_bytes >= limit or time.monotonic() > self._until_s)

    def _spans(self, first_ms: int, last_ms: int) -> bool:
        query = self._query
        if last_ms < query.start_ms or first_ms >= query.end_ms:
            return False
        if query.origin is None:
            return True
        return last_ms >= query.origin[0] if self._sign > 0 else first_ms <= query.origin[0]

    def _open_segment(self, segment: Segment) -> None:
        try:
            held = _OpenSegment(segment.path)
        except FileNotFoundError:  # deleted since the sweep began
            return
        self._open.add(held)
        streams = self._query.streams
        size = min(segment.size, os.fstat(held.descriptor).st_size)  # it may have been written anew, without a stream
        for found in scan(held.descriptor, dataclasses.replace(segment, size=size)):
            if not isinstance(found, Frame):
                self._reader.on_damage(segment.number, found)
                continue
            header = found.header
            if (streams is None or header.stream in streams) and self._spans(header.first_ms, header.last_ms):
                self._push(self._bound(header.first_ms, header.last_ms), (held, found))
                held.wanted += 1
        self._release(held)

    def _release(self, held: _OpenSegment) -> None:
        if held.wanted == 0:
            held.close()
            self._open.discard(held)

    def _open_frame(self, held: _OpenSegment, frame: Frame) -> None:
        self._opened_bytes += frame.end - frame.sealed_at
        try:
            for event in decode_events(frame, self._reader.open(held.descriptor, frame)):
                if self._is_wanted(event):
                    self._push(tuple(self._sign * part for part in event.key), event)
        except (SegmentError, struct.error):
            self._reader.on_damage(frame.segment, Damage(path=held.path, offset=frame.offset, end=frame.end))
        held.wanted -= 1
        self._release(held)

    def _is_wanted(self, event: LogEvent) -> bool:
        query = self._query
        if not query.start_ms <= event.at_ms < query.end_ms:
            return False
        if query.origin is not None and (event.key < query.origin) is (self._sign > 0):
            return False
        return query.matches is None or query.matches(event.message)


def every_event(reader: SegmentReader, query: LogQuery) -> Iterator[LogEvent]:
    """Yield all events of a query, whatever its limit, page by page."""
    origin = query.origin
    while True:
        page = Sweep(reader, dataclasses.replace(query, origin=origin)).page()
        yield from page.events
        if page.resume is None:
            return
        origin = page.resume
