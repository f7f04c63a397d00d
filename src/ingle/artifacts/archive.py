"""Reads an uploaded zip archive and refuses what must not become a file system.

An archive is hostile: names may climb out, sizes may lie, entries may overlap to unfold into far more than was sent.
A rule here guards who reads the archive (sizes, methods, entries that overlap), what is made of it (names and links that no
file system holds), or what a signature says of it (names that come twice). What only the function would notice is its own
business: links may lead anywhere, for nobody follows them but processes inside an environment, which see nothing else.
"""

import dataclasses
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Literal

from ingle.values import IngleError

UNZIPPED_LIMIT_BYTES = 262_144_000
"""The most that an archive may unfold to (Lambda quotas: 250 MB)."""

_ENTRY_LIMIT = 100_000
_DEPTH_LIMIT = 64
_LINK_LIMIT = 4095
"""The longest target that Linux takes."""
_SHOWN_CHARACTERS = 128
_PIECE_BYTES = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3
_READING = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)
"""What zipfile raises for entries that were bent on purpose."""


class ArchiveError(IngleError):
    """The archive can't be unpacked safely; the text is what AWS answers, with the entry and the reason behind it."""

    def __init__(self, detail: str, name: str = "") -> None:
        shown = name.encode("utf-8", "backslashreplace").decode()[:_SHOWN_CHARACTERS]
        reason = f"{shown}: {detail}" if shown else detail
        super().__init__(f"Could not unzip uploaded file. Please check your file, then try to upload again. ({reason})")
        self.detail = detail


class ArchiveTooLargeError(ArchiveError):
    """The archive unfolds to more than Lambda takes."""

    def __init__(self) -> None:
        super().__init__("too large")
        self.args = (f"Unzipped size must be smaller than {UNZIPPED_LIMIT_BYTES} bytes",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member of a checked archive; `path` is relative, without dot segments."""

    path: tuple[str, ...]
    kind: Literal["directory", "file", "link"]
    size: int
    is_executable: bool
    target: bytes
    source: zipfile.ZipInfo | None


class Archive:
    """A checked archive: its entries, and their contents piece by piece."""

    def __init__(self, zipped: zipfile.ZipFile, entries: list[Entry]) -> None:
        self._zipped = zipped
        self.entries = entries

    @property
    def unzipped_bytes(self) -> int:
        return sum(entry.size for entry in self.entries)

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield an entry's content. Raises ArchiveError where it is not what the directory says."""
        if entry.source is None:
            return
        sent = 0
        try:
            with self._zipped.open(entry.source) as file:
                while piece := file.read(_PIECE_BYTES):
                    sent += len(piece)
                    if sent > entry.size:
                        raise ArchiveError("the content is longer than it says", entry.source.filename)
                    yield piece
        except _READING as error:
            raise ArchiveError(f"the content can't be read: {error}", entry.source.filename) from None
        if sent != entry.size:
            raise ArchiveError("the content is shorter than it says", entry.source.filename)


def read_archive(content: bytes) -> Archive:
    """Check a zip archive. Raises ArchiveError, or ArchiveTooLargeError above 250 MB unzipped."""
    if content.count(b"PK\1\2") > _ENTRY_LIMIT:  # each entry begins so; parsing a million takes seconds and 500 MB
        raise ArchiveError("too many entries")
    try:
        zipped = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OverflowError, OSError, NotImplementedError) as error:
        raise ArchiveError(f"not a zip archive: {error}") from None
    except Exception as error:  # zipfile lets struct.error and others out for bytes that were bent on purpose
        raise ArchiveError(f"not a zip archive: {error}") from None
    infos = zipped.infolist()
    if sum(info.file_size for info in infos) > UNZIPPED_LIMIT_BYTES:
        raise ArchiveTooLargeError
    _refuse_overlap(infos, len(content))
    entries = [_check(zipped, info) for info in infos]
    kept = _without_repeated_directories([entry for entry in entries if entry.path])
    _refuse_conflicts(kept)
    return Archive(zipped, kept)


def _refuse_overlap(infos: list[zipfile.ZipInfo], length: int) -> None:
    """Entries that share bytes are how a small archive unfolds into a huge one."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end or info.header_offset + info.compress_size > length:
            raise ArchiveError("the entry overlaps another one", info.filename)
        end = info.header_offset + 30 + info.compress_size


def _check(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    path = _check_name(info)
    if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
        raise ArchiveError("the entry is encrypted or uses an unsupported method", info.filename)
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = stat.S_IFMT(mode)
    if info.filename.endswith("/"):
        if info.file_size or kind not in (0, stat.S_IFDIR, stat.S_IFREG):
            raise ArchiveError("the directory entry has content or another kind", info.filename)
        return Entry(path=path, kind="directory", size=0, is_executable=True, target=b"", source=None)
    if kind == stat.S_IFLNK:
        return _check_link(zipped, info, path)
    if kind not in (0, stat.S_IFREG):
        raise ArchiveError("the entry is neither a file, a directory nor a link", info.filename)
    is_executable = bool(mode & 0o111) if mode else True  # archives made on Windows know no mode
    return Entry(path=path, kind="file", size=info.file_size, is_executable=is_executable, target=b"", source=info)


def _check_name(info: zipfile.ZipInfo) -> tuple[str, ...]:
    name = info.filename
    if info.orig_filename.split("\0")[0] != info.orig_filename or "\0" in name:
        raise ArchiveError("the name holds NUL", name)
    if name.startswith("/"):
        raise ArchiveError("the name is absolute", name)
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ArchiveError("the name climbs out of the archive", name)
    try:
        too_long = any(len(part.encode()) > 255 for part in parts)
    except UnicodeEncodeError:
        raise ArchiveError("the name is not UTF-8", name) from None
    if too_long or len(parts) > _DEPTH_LIMIT or (not parts and not name.strip("./") == ""):
        raise ArchiveError("the name is too long or too deep", name)
    return parts


def _check_link(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, path: tuple[str, ...]) -> Entry:
    if info.file_size > _LINK_LIMIT or not info.file_size:
        raise ArchiveError("the link's target is too long or empty", info.filename)
    probe = Entry(path=path, kind="file", size=info.file_size, is_executable=False, target=b"", source=info)
    target = b"".join(Archive(zipped, []).pieces(probe))
    if b"\0" in target:
        raise ArchiveError("the link's target holds NUL", info.filename)
    return Entry(path=path, kind="link", size=len(target), is_executable=True, target=target, source=None)


def _without_repeated_directories(entries: list[Entry]) -> list[Entry]:
    """Return entries with each directory once: a second one of its name says nothing else."""
    directories = {entry.path: entry for entry in reversed(entries) if entry.kind == "directory"}
    return [entry for entry in entries if entry.kind != "directory" or directories[entry.path] is entry]


def _refuse_conflicts(entries: list[Entry]) -> None:
    """Refuse names that come twice, and files or links that another name goes through."""
    seen: set[tuple[str, ...]] = set()
    leaves = {entry.path for entry in entries if entry.kind != "directory"}
    for entry in entries:
        if entry.path in seen:
            raise ArchiveError("the name comes twice", "/".join(entry.path))
        seen.add(entry.path)
        for depth in range(1, len(entry.path)):
            if entry.path[:depth] in leaves:
                raise ArchiveError("the name goes through a file", "/".join(entry.path))
