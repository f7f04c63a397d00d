"""Reads an uploaded zip archive and refuses what must not become a file system.

An archive is hostile: names may climb out, sizes may lie, entries may overlap to unfold into far more than was sent.
What is accepted here are plain directories, plain files and links that stay inside, each name once.
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
_LINK_LIMIT = 1024
_LINK_PARTS_LIMIT = 128
_LINK_CHAIN_LIMIT = 40
"""What Linux follows in one path before it gives up (ELOOP)."""
_PIECE_BYTES = 1 << 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3
_READING = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError, struct.error)
"""What zipfile raises for entries that were bent on purpose."""


class ArchiveError(IngleError):
    """The archive can't be unpacked safely; the text is what AWS answers."""

    def __init__(self, detail: str) -> None:
        super().__init__("Could not unzip uploaded file. Please check your file, then try to upload again.")
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
                        raise ArchiveError("an entry is longer than it says")
                    yield piece
        except _READING as error:
            raise ArchiveError(f"an entry can't be read: {error}") from None
        if sent != entry.size:
            raise ArchiveError("an entry is shorter than it says")


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
    kept = [entry for entry in entries if entry.path]
    _refuse_conflicts(kept)
    check_links(kept)
    return Archive(zipped, kept)


def _refuse_overlap(infos: list[zipfile.ZipInfo], length: int) -> None:
    """Entries that share bytes are how a small archive unfolds into a huge one."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end or info.header_offset + info.compress_size > length:
            raise ArchiveError("entries overlap")
        end = info.header_offset + 30 + info.compress_size


def _check(zipped: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    path = _check_name(info)
    if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
        raise ArchiveError("an entry is encrypted or uses an unsupported method")
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = stat.S_IFMT(mode)
    if info.filename.endswith("/"):
        if info.file_size or kind not in (0, stat.S_IFDIR):
            raise ArchiveError("a directory entry has content")
        return Entry(path=path, kind="directory", size=0, is_executable=True, target=b"", source=None)
    if kind == stat.S_IFLNK:
        return _check_link(zipped, info, path)
    if kind not in (0, stat.S_IFREG):
        raise ArchiveError("an entry is neither a file, a directory nor a link")
    is_executable = bool(mode & 0o111) if mode else True  # archives made on Windows know no mode
    return Entry(path=path, kind="file", size=info.file_size, is_executable=is_executable, target=b"", source=info)


def _check_name(info: zipfile.ZipInfo) -> tuple[str, ...]:
    name = info.filename
    if info.orig_filename.split("\0")[0] != info.orig_filename or "\0" in name:
        raise ArchiveError("a name holds NUL")
    if name.startswith("/") or "\\" in info.orig_filename or (len(name) > 1 and name[1] == ":"):
        raise ArchiveError("a name is absolute or not portable")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ArchiveError("a name climbs out of the archive")
    try:
        too_long = any(len(part.encode()) > 255 for part in parts)
    except UnicodeEncodeError:
        raise ArchiveError("a name is not UTF-8") from None
    if too_long or len(parts) > _DEPTH_LIMIT or (not parts and not name.strip("./") == ""):
        raise ArchiveError("a name is too long or too deep")
    return parts


def _check_link(zipped: zipfile.ZipFile, info: zipfile.ZipInfo, path: tuple[str, ...]) -> Entry:
    if info.file_size > _LINK_LIMIT or not info.file_size:
        raise ArchiveError("a link's target is too long or empty")
    probe = Entry(path=path, kind="file", size=info.file_size, is_executable=False, target=b"", source=info)
    target = b"".join(Archive(zipped, []).pieces(probe))
    if target.startswith(b"/") or b"\0" in target or target.count(b"/") >= _LINK_PARTS_LIMIT:
        raise ArchiveError("a link leads out of the archive, or too far")
    return Entry(path=path, kind="link", size=len(target), is_executable=True, target=target, source=None)


def _refuse_conflicts(entries: list[Entry]) -> None:
    """Refuse names that come twice, and files or links that another name goes through."""
    seen: set[tuple[str, ...]] = set()
    leaves = {entry.path for entry in entries if entry.kind != "directory"}
    for entry in entries:
        if entry.path in seen:
            raise ArchiveError("a name comes twice")
        seen.add(entry.path)
        if entry.kind == "directory" and entry.path in leaves:
            raise ArchiveError("a name is both a file and a directory")
        for depth in range(1, len(entry.path)):
            if entry.path[:depth] in leaves:
                raise ArchiveError("a name goes through a file")


def check_links(entries: list[Entry]) -> None:
    """Raises ArchiveError for links that lead out of the archive, by themselves or through others, or in circles."""
    links = {tuple(part.encode() for part in entry.path): entry.target for entry in entries if entry.kind == "link"}
    ends: dict[tuple[bytes, ...], tuple[list[bytes], int]] = {}
    for path in links:
        _follow(path, links, ends, 1)


def _follow(
    path: tuple[bytes, ...],
    links: dict[tuple[bytes, ...], bytes],
    ends: dict[tuple[bytes, ...], tuple[list[bytes], int]],
    depth: int,
) -> tuple[list[bytes], int]:
    """Return where a link ends and through how many links it goes, itself included; `ends` remembers."""
    if path in ends:
        return ends[path]
    at, count = list(path[:-1]), 1
    for part in links[path].split(b"/"):
        if part == b".." and not at:
            raise ArchiveError("a link leads out of the archive")
        if part == b"..":
            at.pop()
        elif part not in (b"", b"."):
            at.append(part)
        if len(at) > _DEPTH_LIMIT or depth > _LINK_CHAIN_LIMIT:
            raise ArchiveError("a link leads too deep, or in circles")
        if tuple(at) in links:
            end, behind = _follow(tuple(at), links, ends, depth + 1)
            at, count = list(end), max(count, 1 + behind)
    if count > _LINK_CHAIN_LIMIT:
        raise ArchiveError("a link leads through too many others")
    ends[path] = at, count
    return at, count
