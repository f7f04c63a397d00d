"""Zip archives for tests: plain ones, and ones whose headers say what their bytes don't."""

import dataclasses
import io
import stat
import struct
import zipfile
import zlib

LINK_MODE = stat.S_IFLNK | 0o777
FILE_MODE = stat.S_IFREG | 0o644
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s4B4H3L5H2L")
_END = struct.Struct("<4s4H2LH")


def zip_of(*entries: tuple[str, bytes] | tuple[str, bytes, int], comment: bytes = b"") -> bytes:
    """Return a deflated archive of (name, content[, mode]) in the order given."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content, *mode in entries:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # as it is: the constructor cuts names at NUL
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = (mode[0] if mode else FILE_MODE) << 16
            archive.writestr(info, content)
    return made.getvalue()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Raw:
    """One entry of a hand-made archive; what is None is told truthfully."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    system: int = 3
    mode: int = FILE_MODE
    crc: int | None = None
    size: int | None = None
    packed_size: int | None = None
    local_name: bytes | None = None
    local_size: int | None = None
    local_packed_size: int | None = None
    offset: int | None = None


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def raw_zip(*entries: Raw) -> bytes:
    """Write local headers, then the central directory, as told."""
    body, directory = b"", b""
    for one in entries:
        at = len(body) if one.offset is None else one.offset
        crc = zlib.crc32(one.data) if one.crc is None else one.crc
        size = len(one.data) if one.size is None else one.size
        packed = len(one.data) if one.packed_size is None else one.packed_size
        local_name = one.name if one.local_name is None else one.local_name
        local_size = size if one.local_size is None else one.local_size
        local_packed = packed if one.local_packed_size is None else one.local_packed_size
        local = (20, one.flags, one.method, 0, 0x21, crc, local_packed, local_size, len(local_name), 0)
        body += _LOCAL.pack(b"PK\3\4", *local) + local_name + one.data
        central = (20, one.system, 20, 0, one.flags, one.method, 0, 0x21, crc, packed, size, len(one.name), 0, 0, 0, 0)
        directory += _CENTRAL.pack(b"PK\1\2", *central, one.mode << 16, at) + one.name
    count = len(entries)
    return body + directory + _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
