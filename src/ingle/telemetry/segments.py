"""Sealed, append-only segment files: the store of one log group.

A frame is a length, a header (stream, times, count) that is readable but authenticated, and the sealed events. A frame
is written by one append; what a crash leaves of an unfinished one is cut off when the segment is opened again.
"""

import dataclasses
import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ingle.values import IngleError

SEGMENT_BYTES = 8 << 20
_LENGTHS = struct.Struct(">4sII")
_HEADER = struct.Struct(">QQIQ")
_MAGIC = b"ILG1"


class SegmentError(IngleError):
    """A frame does not open: it was changed, or belongs elsewhere."""


class Sealer(Protocol):
    """Seals and opens the events of one log group, with a frame's header as authenticated data."""

    def seal(self, plaintext: bytes, header: bytes) -> bytes: ...

    def open(self, sealed: bytes, header: bytes) -> bytes:
        """Raises SegmentError."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FrameHeader:
    """What is known of a batch of one stream's events without opening it; `position` counts the stream's events before."""

    stream: str
    first_ms: int
    last_ms: int
    count: int
    position: int

    def encode(self) -> bytes:
        return _HEADER.pack(self.first_ms, self.last_ms, self.count, self.position) + self.stream.encode()

    @staticmethod
    def decode(raw: bytes) -> "FrameHeader":
        """Raises struct.error or UnicodeDecodeError where it is none."""
        first_ms, last_ms, count, position = _HEADER.unpack_from(raw)
        stream = raw[_HEADER.size :].decode()
        return FrameHeader(stream=stream, first_ms=first_ms, last_ms=last_ms, count=count, position=position)


class Frame:
    """Where a batch lies, beside what its header says."""

    __slots__ = ("count", "first_ms", "last_ms", "length", "offset", "position", "raw", "segment", "stream")

    def __init__(self, header: FrameHeader, raw: bytes, segment: Path, offset: int, length: int) -> None:
        self.stream, self.count, self.position = header.stream, header.count, header.position
        self.first_ms, self.last_ms = header.first_ms, header.last_ms
        self.raw = raw
        self.segment = segment
        self.offset = offset
        self.length = length


class Segments:
    """The segments of one group, in the folder of the group."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        self._folder = folder
        self._sealer = sealer
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.frames: list[Frame] = []
        paths = sorted(folder.glob("*.segment"))
        for path in paths:
            self.frames.extend(_scan(path))
        self._number = int(paths[-1].stem) if paths else 0
        self._size = paths[-1].stat().st_size if paths else 0

    def append(self, header: FrameHeader, data: bytes) -> Frame:
        """Seal a batch of events and append it. Raises OSError, with the segment as it was."""
        if self._size > SEGMENT_BYTES or self._number == 0:
            self._number += 1
            self._size = 0
        path = self._folder / f"{self._number:08d}.segment"
        raw = header.encode()
        sealed = self._sealer.seal(data, raw)
        whole = _LENGTHS.pack(_MAGIC, len(raw), len(sealed)) + raw + sealed
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(descriptor, whole, self._size)
        finally:
            os.close(descriptor)
        frame = Frame(header, raw, path, self._size + _LENGTHS.size + len(raw), len(sealed))
        self.frames.append(frame)
        self._size += len(whole)
        return frame

    def read(self, frame: Frame) -> bytes:
        """Return a frame's events. Raises SegmentError."""
        with frame.segment.open("rb") as file:
            file.seek(frame.offset)
            return self._sealer.open(file.read(frame.length), frame.raw)

    def cap(self, limit_bytes: int) -> None:
        """Delete the oldest segments while there are more than `limit_bytes`."""
        paths = sorted(self._folder.glob("*.segment"))
        total = sum(path.stat().st_size for path in paths)
        for path in paths[:-1]:
            if total <= limit_bytes:
                return
            total -= path.stat().st_size
            path.unlink()
            self.frames = [frame for frame in self.frames if frame.segment != path]


def _write_whole(descriptor: int, frame: bytes, size: int) -> None:
    """Append a frame, or leave the segment at its `size` before. Raises OSError."""
    try:
        written = os.write(descriptor, frame)
    except OSError:
        written = 0
    if written != len(frame):
        os.ftruncate(descriptor, size)
        raise OSError(errno.ENOSPC, "a log frame could not be written whole")


def _scan(path: Path) -> Iterator[Frame]:
    """Yield the whole frames of a segment; cut off what is not whole."""
    content_size = path.stat().st_size
    offset = 0
    with path.open("rb") as file:
        while True:
            lengths = file.read(_LENGTHS.size)
            if len(lengths) < _LENGTHS.size:
                break
            magic, header_size, sealed_size = _LENGTHS.unpack(lengths)
            end = offset + _LENGTHS.size + header_size + sealed_size
            if magic != _MAGIC or end > content_size or header_size < _HEADER.size:
                break
            raw = file.read(header_size)
            file.seek(sealed_size, os.SEEK_CUR)
            try:
                header = FrameHeader.decode(raw)
            except UnicodeDecodeError:
                break
            yield Frame(header, raw, path, offset + _LENGTHS.size + header_size, sealed_size)
            offset = end
    if offset != content_size:
        os.truncate(path, offset)
