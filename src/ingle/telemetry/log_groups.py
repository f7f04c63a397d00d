"""Log groups: streams of events over sealed segments."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ingle.telemetry.log_pages import LogEvent, LogPage, LogQuery, SegmentReader, Sweep, every_event
from ingle.telemetry.log_settings import LogGroupSettings
from ingle.telemetry.segments import Damage, Frame, FrameHeader, Sealer, Segment, Segments, rewrite_without

GROUP_LIMIT_BYTES = 512 << 20
"""What one group keeps on disk before its oldest segments go."""
_DAY_MS = 24 * 3600 * 1000


@dataclasses.dataclass(slots=True, kw_only=True)
class LogStreamInfo:
    """What is known of a stream without opening a frame; a stream without events has no times."""

    name: str
    created_ms: int
    is_declared: bool = False
    """Whether it was made by CreateLogStream, and is kept without events too."""
    first_ms: int | None = None
    last_ms: int | None = None
    ingested_ms: int | None = None
    next_position: int = 0
    """How many events it has ever had: the position that the next one gets."""
    first_segment: int = 0
    last_segment: int = 0

    def count(self, frame: Frame) -> None:
        """Take a frame of the stream into what is known."""
        header = frame.header
        self.first_ms = header.first_ms if self.first_ms is None else min(self.first_ms, header.first_ms)
        self.last_ms = max(self.last_ms or 0, header.last_ms)
        self.ingested_ms = max(self.ingested_ms or 0, header.ingested_ms)
        self.next_position = header.position + header.count
        self.first_segment = self.first_segment or frame.segment
        self.last_segment = frame.segment

    def forget_events(self) -> None:
        """Its events have expired."""
        self.first_ms = self.last_ms = self.ingested_ms = None
        self.first_segment = self.last_segment = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogBatchFacts:
    """What is known of a batch of one stream's events beside its bytes."""

    stream: str
    first_ms: int
    last_ms: int
    count: int
    ingested_ms: int


class LogGroup:
    """The events of one group; only control writes. `declared` are the streams that somebody created, and when."""

    def __init__(
        self,
        name: str,
        created_ms: int,
        folder: Path,
        sealer: Sealer,
        settings: LogGroupSettings,
        declared: Mapping[str, int],
        on_damage: Callable[[Damage], None],
    ) -> None:
        self.name = name
        self.created_ms = created_ms
        self.settings = settings
        self._segments = Segments(folder, sealer, on_damage)
        self._erasing = asyncio.Lock()
        self.streams = {
            stream: LogStreamInfo(name=stream, created_ms=at_ms, is_declared=True) for stream, at_ms in declared.items()
        }
        for frame in self._segments.load():
            self._count(frame)

    def _count(self, frame: Frame) -> None:
        info = self.streams.get(frame.header.stream)
        if info is None:
            info = LogStreamInfo(name=frame.header.stream, created_ms=frame.header.ingested_ms)
            self.streams[frame.header.stream] = info
        info.count(frame)

    @property
    def stored_bytes(self) -> int:
        """How much the group has on disk."""
        return self._segments.total_bytes

    def declare(self, stream: str, now_ms: int) -> None:
        """Have a stream that is there without events."""
        self.streams[stream] = LogStreamInfo(name=stream, created_ms=now_ms, is_declared=True)

    def append(self, facts: LogBatchFacts, data: bytes) -> Frame:
        """Keep a batch: frames of u64 epoch milliseconds, u32 length, message. Raises OSError."""
        info = self.streams.get(facts.stream)
        header = FrameHeader(
            stream=facts.stream,
            first_ms=facts.first_ms,
            last_ms=facts.last_ms,
            count=facts.count,
            position=info.next_position if info is not None else 0,
            ingested_ms=facts.ingested_ms,
        )
        frame = self._segments.append(header, data)
        self._count(frame)
        if self._segments.cap(GROUP_LIMIT_BYTES):
            self._forget_streams()
        return frame

    def sync(self, frame: Frame) -> None:
        """Have a batch on disk; any thread may call it. Raises OSError."""
        self._segments.sync(frame)

    def expire(self, now_ms: int) -> None:
        """Delete the segments of which no event is to be kept any more."""
        oldest_ms = self._oldest_ms(now_ms)
        gone = [segment for segment in self._segments.held if segment.size and segment.last_ms < oldest_ms]
        if gone:
            self._segments.drop(gone)
            self._forget_streams()

    def _oldest_ms(self, now_ms: int) -> int:
        days = self.settings.retention_days
        return now_ms - days * _DAY_MS if days is not None else 0

    def _forget_streams(self) -> None:
        """Forget the streams whose last segment is gone, but for those that were declared."""
        oldest = min((segment.number for segment in self._segments.held), default=1 << 62)
        for info in tuple(self.streams.values()):
            if info.last_ms is None:
                continue
            if info.last_segment >= oldest:
                info.first_segment = max(info.first_segment, oldest)
            elif info.is_declared:
                info.forget_events()
            else:
                del self.streams[info.name]

    def remove_stream(self, stream: str) -> range:
        """Forget a stream; return the segments that have its events, and take no more. `erase` deletes them."""
        info = self.streams.pop(stream)
        if info.last_ms is None:
            return range(0)
        if self._segments.held[-1].number == info.last_segment:
            self._segments.begin_segment()
        return range(info.first_segment, info.last_segment + 1)

    async def erase(self, stream: str, numbers: range) -> None:
        """Delete a removed stream's events from disk, on a thread; one stream after the other. Raises OSError."""
        async with self._erasing:
            for segment in [one for one in self._segments.held if one.number in numbers]:
                made = await asyncio.to_thread(rewrite_without, segment, stream)
                self._segments.replace(segment, made)

    def page(self, query: LogQuery, now_ms: int) -> Callable[[], LogPage]:
        """Return what reads a page, on any thread: of the events as they are now, without those that have expired."""
        sweep = Sweep(self._reader(query), self._within_retention(query, now_ms))
        return sweep.page

    def events(self, query: LogQuery | None = None, now_ms: int = 0) -> Iterator[LogEvent]:
        """Yield events in the order of their times."""
        wanted = query or LogQuery()
        yield from every_event(self._reader(wanted), self._within_retention(wanted, now_ms))

    def _within_retention(self, query: LogQuery, now_ms: int) -> LogQuery:
        return dataclasses.replace(query, start_ms=max(query.start_ms, self._oldest_ms(now_ms)))

    def _reader(self, query: LogQuery) -> SegmentReader:
        segments = [dataclasses.replace(one) for one in self._segments.held if self._may_hold(one, query)]
        return SegmentReader(segments=segments, open=self._segments.open, on_damage=self._segments.note_damage)

    def _may_hold(self, segment: Segment, query: LogQuery) -> bool:
        if segment.size == 0:
            return False
        if query.streams is None or len(query.streams) > 1:
            return True
        found = [self.streams[name] for name in query.streams if name in self.streams]
        return any(info.first_segment <= segment.number <= info.last_segment for info in found)
