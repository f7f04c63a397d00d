"""Sealed, append-only segment files: the store of one log group.

A frame is a head (magic, two lengths, their check sum and the header's), a header (stream, times, count) that is readable
but authenticated, and the sealed events. One append writes one frame. Two things can go wrong with a segment, and they are told apart:

- A crash leaves the beginning of a frame at the very end of the last segment. Opening cuts it off: it was never there.
- A disk changes bytes anywhere. Opening skips what it cannot read, looks for the next frame, tells of the damage, and
  keeps the bytes: whoever wants to save something from them can.

Memory holds what a segment spans, never its frames: who reads a segment scans its heads again.
"""

import dataclasses
import errno
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from ingle.values import IngleError

SEGMENT_BYTES = 8 << 20
SEGMENT_MS = 24 * 3600 * 1000
"""A segment takes no more after a day, so that what has expired is deleted within a day."""
_HEAD = struct.Struct(">4sIIII")
_HEADER = struct.Struct(">QQIQQ")
_MAGIC = b"ILG2"
_OLD_HEAD = struct.Struct(">4sII")
_OLD_HEADER = struct.Struct(">QQIQ")
_OLD_MAGIC = b"ILG1"
"""Frames of earlier versions: without check sum and time of arrival. They are read, never written."""
_MAGIC_STEM = b"ILG"
_HEADER_LIMIT_BYTES = _HEADER.size + 4 * 512
"""With the longest name of a stream: 512 characters of four bytes."""
_PEEK_BYTES = 256
_SEARCH_BYTES = 64 << 10


class SegmentError(IngleError):
    """A frame does not open: it was changed, or belongs elsewhere."""


class Sealer(Protocol):
    """Seals and opens the events of one log group, with a frame's header as authenticated data."""

    def seal(self, plaintext: bytes, header: bytes) -> bytes: ...

    def open(self, sealed: bytes, header: bytes) -> bytes:
        """Raises SegmentError."""
        ...


class FrameHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a batch of one stream's events without opening it; `position` counts the stream's events before."""

    stream: str
    first_ms: int
    last_ms: int
    count: int
    position: int
    ingested_ms: int

    def encode(self) -> bytes:
        """Return the bytes that `decode` reads."""
        numbers = _HEADER.pack(self.first_ms, self.last_ms, self.count, self.position, self.ingested_ms)
        return numbers + self.stream.encode()

    @staticmethod
    def decode(raw: bytes) -> "FrameHeader":
        """Raises struct.error or UnicodeDecodeError where it is none."""
        first_ms, last_ms, count, position, ingested_ms = _HEADER.unpack_from(raw)
        stream = raw[_HEADER.size :].decode()
        return FrameHeader(
            stream=stream, first_ms=first_ms, last_ms=last_ms, count=count, position=position, ingested_ms=ingested_ms
        )

    @staticmethod
    def decode_old(raw: bytes) -> "FrameHeader":
        """Do as `decode` for a header of an earlier version, which does not tell when the batch came."""
        first_ms, last_ms, count, position = _OLD_HEADER.unpack_from(raw)
        stream = raw[_OLD_HEADER.size :].decode()
        return FrameHeader(
            stream=stream, first_ms=first_ms, last_ms=last_ms, count=count, position=position, ingested_ms=last_ms
        )


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch lies, beside what its header says."""

    header: FrameHeader
    raw: bytes
    """The header as it was sealed with."""
    segment: int
    offset: int
    sealed_at: int
    end: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Bytes of a segment that are no frame, or a frame that does not open."""

    path: Path
    offset: int
    end: int


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class Segment:
    """One file: what it spans. `begun_ms` is when its first batch came."""

    number: int
    path: Path
    size: int = 0
    first_ms: int = 1 << 62
    last_ms: int = 0
    begun_ms: int = 0

    def count(self, header: FrameHeader) -> None:
        """Take a frame into what the segment spans."""
        self.begun_ms = self.begun_ms or header.ingested_ms
        self.first_ms = min(self.first_ms, header.first_ms)
        self.last_ms = max(self.last_ms, header.last_ms)


class Segments:
    """The segments of one group, in the folder of the group; `on_damage` hears of what cannot be read."""

    def __init__(self, folder: Path, sealer: Sealer, on_damage: Callable[[Damage], None]) -> None:
        self._folder = folder
        self._sealer = sealer
        self._on_damage = on_damage
        self._known_damage: set[tuple[int, int]] = set()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.new"):
            left.unlink()
        self.held = [Segment(number=int(path.stem), path=path) for path in sorted(folder.glob("*.segment"))]
        self._next_number = self.held[-1].number + 1 if self.held else 1

    @property
    def total_bytes(self) -> int:
        """How much is on disk."""
        return sum(segment.size for segment in self.held)

    def load(self) -> Iterator[Frame]:
        """Yield every frame once, and learn what the segments span; cut off what a crash left unfinished."""
        for segment in self.held:
            segment.size = segment.path.stat().st_size
            with segment.path.open("rb") as file:
                for found in scan(file.fileno(), segment):
                    if isinstance(found, Frame):
                        segment.count(found.header)
                        yield found
                    elif segment is self.held[-1] and found.end == segment.size and _is_torn(file.fileno(), found):
                        os.truncate(segment.path, found.offset)
                        segment.size = found.offset
                    else:
                        self.note_damage(segment.number, found)

    def note_damage(self, number: int, damage: Damage) -> None:
        """Tell of damage, once."""
        if (number, damage.offset) not in self._known_damage:
            self._known_damage.add((number, damage.offset))
            self._on_damage(damage)

    def append(self, header: FrameHeader, data: bytes) -> Frame:
        """Seal a batch of events and append it. Raises OSError, with the segment as it was."""
        segment = self._segment_for(header.ingested_ms)
        raw = header.encode()
        sealed = self._sealer.seal(data, raw)
        whole = _encode_head(raw, len(sealed)) + raw + sealed
        descriptor = os.open(segment.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(descriptor, whole, segment.size)
        finally:
            os.close(descriptor)
        offset, sealed_at = segment.size, segment.size + _HEAD.size + len(raw)
        segment.count(header)
        segment.size += len(whole)
        return Frame(
            header=header, raw=raw, segment=segment.number, offset=offset, sealed_at=sealed_at, end=segment.size
        )

    def _segment_for(self, now_ms: int) -> Segment:
        last = self.held[-1] if self.held else None
        if last is not None and last.size <= SEGMENT_BYTES and now_ms - (last.begun_ms or now_ms) < SEGMENT_MS:
            return last
        return self.begin_segment()

    def begin_segment(self) -> Segment:
        """Have what comes next written to a new segment."""
        self.held.append(Segment(number=self._next_number, path=self._path(self._next_number)))
        self._next_number += 1
        return self.held[-1]

    def open(self, descriptor: int, frame: Frame) -> bytes:
        """Return a frame's events; `descriptor` is its segment's. Raises SegmentError."""
        if (frame.segment, frame.offset) in self._known_damage:
            raise SegmentError("the frame is known to be damaged")
        return self._sealer.open(_pread(descriptor, frame.end - frame.sealed_at, frame.sealed_at), frame.raw)

    def sync(self, frame: Frame) -> None:
        """Have a frame, and what came before it in its segment, on disk. Raises OSError."""
        for path in (self._path(frame.segment), self._folder):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.segment"

    def drop(self, segments: list[Segment]) -> None:
        """Delete segments."""
        for segment in segments:
            segment.path.unlink(missing_ok=True)
            self.held.remove(segment)

    def replace(self, segment: Segment, made: Segment | None) -> None:
        """Take over what has become of a segment that was written anew."""
        self._known_damage = {known for known in self._known_damage if known[0] != segment.number}
        if segment not in self.held:  # it has expired meanwhile
            segment.path.unlink(missing_ok=True)
        elif made is None:
            self.held.remove(segment)
        else:
            self.held[self.held.index(segment)] = made

    def cap(self, limit_bytes: int) -> list[Segment]:
        """Delete the oldest segments while there are more than `limit_bytes`; return them."""
        gone: list[Segment] = []
        total = self.total_bytes
        for segment in self.held[:-1]:
            if total <= limit_bytes:
                break
            total -= segment.size
            gone.append(segment)
        self.drop(gone)
        return gone


def rewrite_without(segment: Segment, stream: str) -> Segment | None:
    """Write a segment that takes no more appends anew, without the frames of one stream.

    Returns what it spans then; None where no frame is left, and the file with them. Raises OSError.
    """
    made = Segment(number=segment.number, path=segment.path)
    fresh = segment.path.with_suffix(".new")
    with segment.path.open("rb") as old, open(fresh, "wb", opener=_private) as new:
        for found in scan(old.fileno(), segment):
            if isinstance(found, Frame) and found.header.stream == stream:
                continue
            new.write(_pread(old.fileno(), found.end - found.offset, found.offset))
            if isinstance(found, Frame):
                made.count(found.header)
            made.size += found.end - found.offset
        new.flush()
        os.fsync(new.fileno())
    if made.size == 0:
        fresh.unlink()
        segment.path.unlink()
        return None
    fresh.replace(segment.path)
    return made


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def scan(descriptor: int, segment: Segment) -> Iterator[Frame | Damage]:
    """Yield what is in a segment up to its size as known now, in order: frames, and what is none."""
    offset, size = 0, segment.size
    while offset < size:
        frame = _read_frame(descriptor, segment.number, offset, size)
        if frame is not None:
            yield frame
            offset = frame.end
            continue
        following = _find_frame(descriptor, segment.number, offset + 1, size)
        yield Damage(path=segment.path, offset=offset, end=following)
        offset = following


def _pread(descriptor: int, size: int, offset: int) -> bytes:
    """Read, with zeros for what the disk cannot give: one bad sector must not hide everything else."""
    try:
        return os.pread(descriptor, size, offset)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return bytes(size)


def _encode_head(raw: bytes, sealed_size: int) -> bytes:
    return _HEAD.pack(_MAGIC, len(raw), sealed_size, _sum_of_lengths(len(raw), sealed_size), zlib.crc32(raw))


def _sum_of_lengths(header_size: int, sealed_size: int) -> int:
    return zlib.crc32(struct.pack(">II", header_size, sealed_size))


def _read_frame(descriptor: int, number: int, offset: int, size: int) -> Frame | None:
    """Return the frame at an offset; None where there is none that is whole and whose head is sound."""
    peeked = _pread(descriptor, _PEEK_BYTES, offset)
    if peeked[:4] == _OLD_MAGIC:
        return _read_old_frame(descriptor, number, offset, size)
    if peeked[:4] != _MAGIC or len(peeked) < _HEAD.size:
        return None
    _, header_size, sealed_size, sum_of_lengths, sum_of_header = _HEAD.unpack_from(peeked)
    sealed_at = offset + _HEAD.size + header_size
    if sum_of_lengths != _sum_of_lengths(header_size, sealed_size) or sealed_at + sealed_size > size:
        return None
    raw = _header_at(descriptor, peeked, offset, _HEAD.size, header_size)
    if zlib.crc32(raw) != sum_of_header:
        return None
    header = FrameHeader.decode(raw)
    end = sealed_at + sealed_size
    return Frame(header=header, raw=raw, segment=number, offset=offset, sealed_at=sealed_at, end=end)


def _read_old_frame(descriptor: int, number: int, offset: int, size: int) -> Frame | None:
    """Do as `_read_frame` for a frame without a check sum: its header must make sense."""
    peeked = _pread(descriptor, _PEEK_BYTES, offset)
    if len(peeked) < _OLD_HEAD.size:
        return None
    _, header_size, sealed_size = _OLD_HEAD.unpack_from(peeked)
    sealed_at = offset + _OLD_HEAD.size + header_size
    if not _OLD_HEADER.size < header_size <= _HEADER_LIMIT_BYTES or sealed_at + sealed_size > size:
        return None
    raw = _header_at(descriptor, peeked, offset, _OLD_HEAD.size, header_size)
    try:
        header = FrameHeader.decode_old(raw)
    except UnicodeDecodeError:
        return None
    if header.first_ms > header.last_ms or not header.stream.isprintable():
        return None
    end = sealed_at + sealed_size
    is_followed = end == size or _pread(descriptor, len(_MAGIC_STEM), end) == _MAGIC_STEM
    if not is_followed and _OLD_MAGIC in _pread(descriptor, sealed_size, sealed_at):  # its length was changed
        return None
    return Frame(header=header, raw=raw, segment=number, offset=offset, sealed_at=sealed_at, end=end)


def _header_at(descriptor: int, peeked: bytes, offset: int, head_size: int, header_size: int) -> bytes:
    if head_size + header_size <= len(peeked):
        return peeked[head_size : head_size + header_size]
    return _pread(descriptor, header_size, offset + head_size)


def _find_frame(descriptor: int, number: int, start: int, size: int) -> int:
    """Return where the next frame begins, from `start` on; `size` where there is none."""
    at = start
    while at < size:
        block = _pread(descriptor, min(_SEARCH_BYTES, size - at), at)
        found = block.find(_MAGIC_STEM)
        while found >= 0:
            if _read_frame(descriptor, number, at + found, size) is not None:
                return at + found
            found = block.find(_MAGIC_STEM, found + 1)
        if len(block) < len(_MAGIC_STEM):
            return size
        at += len(block) if at + len(block) >= size else len(block) - len(_MAGIC_STEM) + 1
    return size


def _is_torn(descriptor: int, damage: Damage) -> bool:
    """Say whether what ends the last segment is the beginning of a frame, and not a frame that was changed."""
    left = damage.end - damage.offset
    peeked = _pread(descriptor, min(left, _HEAD.size + _HEADER_LIMIT_BYTES), damage.offset)
    if left < _HEAD.size:
        return True
    if peeked[:4] == _OLD_MAGIC:
        _, header_size, sealed_size = _OLD_HEAD.unpack_from(peeked)
        return bool(_OLD_HEADER.size < header_size <= _HEADER_LIMIT_BYTES and header_size + sealed_size > left)
    magic, header_size, sealed_size, sum_of_lengths, sum_of_header = _HEAD.unpack_from(peeked)
    if magic != _MAGIC or sum_of_lengths != _sum_of_lengths(header_size, sealed_size):
        return False
    raw = peeked[_HEAD.size : _HEAD.size + header_size]
    return bool(len(raw) < header_size or zlib.crc32(raw) == sum_of_header)


def _write_whole(descriptor: int, frame: bytes, size: int) -> None:
    """Append a frame, or leave the segment at its `size` before. Raises OSError."""
    try:
        written = os.write(descriptor, frame)
    except OSError:
        written = 0
    if written != len(frame):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, "a log frame could not be written whole")
