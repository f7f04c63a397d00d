"""Log groups: streams of events over sealed segments."""

import dataclasses
import struct
from collections.abc import Iterator
from pathlib import Path

from ingle.telemetry.segments import Frame, FrameHeader, Sealer, Segments

_HEAD = struct.Struct(">QI")
GROUP_LIMIT_BYTES = 512 << 20
"""What one group keeps on disk before its oldest segments go."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One event; `position` grows within its stream and names it for good."""

    stream: str
    at_ms: int
    message: str
    position: int


@dataclasses.dataclass(slots=True, kw_only=True)
class LogStreamInfo:
    """What is known of a stream without opening a frame."""

    name: str
    first_ms: int
    last_ms: int
    bytes: int = 0
    next_position: int = 0
    """How many events it has ever had: the position that the next one gets."""


class LogGroup:
    """The events of one group; only control writes."""

    def __init__(self, name: str, created_ms: int, folder: Path, sealer: Sealer) -> None:
        self.name = name
        self.created_ms = created_ms
        self._segments = Segments(folder, sealer)
        self.streams: dict[str, LogStreamInfo] = {}
        for frame in self._segments.frames:
            self._count(frame)

    def _count(self, frame: Frame) -> None:
        info = self.streams.get(frame.stream)
        if info is None:
            info = LogStreamInfo(name=frame.stream, first_ms=frame.first_ms, last_ms=frame.last_ms)
            self.streams[frame.stream] = info
        info.last_ms = max(info.last_ms, frame.last_ms)
        info.bytes += frame.length
        info.next_position = frame.position + frame.count

    @property
    def stored_bytes(self) -> int:
        return sum(info.bytes for info in self.streams.values())

    def append(self, stream: str, first_ms: int, last_ms: int, count: int, data: bytes) -> None:
        """Keep a batch: frames of u64 epoch milliseconds, u32 length, message."""
        position = self.streams[stream].next_position if stream in self.streams else 0
        header = FrameHeader(stream=stream, first_ms=first_ms, last_ms=last_ms, count=count, position=position)
        self._count(self._segments.append(header, data))
        self._segments.cap(GROUP_LIMIT_BYTES)

    def events(
        self, *, streams: set[str] | None = None, start_ms: int | None = None, end_ms: int | None = None
    ) -> Iterator[LogEvent]:
        """Yield events in the order in which they came, of some streams and times (end exclusive). Raises SegmentError."""
        for frame in self._segments.frames:
            is_early = start_ms is not None and frame.last_ms < start_ms
            is_late = end_ms is not None and frame.first_ms >= end_ms
            if (streams is not None and frame.stream not in streams) or is_early or is_late:
                continue
            for event in self._events_of(frame):
                if (start_ms is None or event.at_ms >= start_ms) and (end_ms is None or event.at_ms < end_ms):
                    yield event

    def _events_of(self, frame: Frame) -> Iterator[LogEvent]:
        data = self._segments.read(frame)
        at = 0
        number = frame.position
        while at + _HEAD.size <= len(data):
            at_ms, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            message = data[at : at + length].decode("utf-8", "replace")
            at += length
            yield LogEvent(stream=frame.stream, at_ms=at_ms, message=message, position=number)
            number += 1
