"""Sealed, append-only segment files: the store of one log group.

A frame is a length, a header (stream, times, count) that is readable but authenticated, and the sealed events. A frame
is written by one append; what a crash leaves of an unfinished one is cut off when the segment is opened again.
"""

import dataclasses
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ingle.values import IngleError

SEGMENT_BYTES = 8 << 20
_LENGTHS = struct.Struct(">4sII")
_TIMES = struct.Struct(">QQI")
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
class Frame:
    """Where a batch of one stream's events lies, and what its header says."""

    stream: str
    first_ms: int
    last_ms: int
    count: int
    segment: Path
    offset: int
    header: bytes
    length: int


def encode_header(stream: str, first_ms: int, last_ms: int, count: int) -> bytes:
    return _TIMES.pack(first_ms, last_ms, count) + stream.encode()


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

    def append(self, stream: str, first_ms: int, last_ms: int, count: int, data: bytes) -> None:
        """Seal a batch of events and append it."""
        if self._size > SEGMENT_BYTES or self._number == 0:
            self._number += 1
            self._size = 0
        path = self._folder / f"{self._number:08d}.segment"
        header = encode_header(stream, first_ms, last_ms, count)
        sealed = self._sealer.seal(data, header)
        frame = _LENGTHS.pack(_MAGIC, len(header), len(sealed)) + header + sealed
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, frame)
        finally:
            os.close(descriptor)
        offset = self._size + _LENGTHS.size + len(header)
        self.frames.append(
            Frame(
                stream=stream,
                first_ms=first_ms,
                last_ms=last_ms,
                count=count,
                segment=path,
                offset=offset,
                header=header,
                length=len(sealed),
            )
        )
        self._size += len(frame)

    def read(self, frame: Frame) -> bytes:
        """Return a frame's events. Raises SegmentError."""
        with frame.segment.open("rb") as file:
            file.seek(frame.offset)
            return self._sealer.open(file.read(frame.length), frame.header)

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
            if magic != _MAGIC or end > content_size or header_size < _TIMES.size:
                break
            header = file.read(header_size)
            file.seek(sealed_size, os.SEEK_CUR)
            first_ms, last_ms, count = _TIMES.unpack_from(header)
            yield Frame(
                stream=header[_TIMES.size :].decode(),
                first_ms=first_ms,
                last_ms=last_ms,
                count=count,
                segment=path,
                offset=offset + _LENGTHS.size + header_size,
                header=header,
                length=sealed_size,
            )
            offset = end
    if offset != content_size:
        os.truncate(path, offset)
