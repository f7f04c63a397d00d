"""Unpacks one of our EROFS images where the kernel won't mount it: a reader for exactly what `artifacts` writes.

It runs after confinement of the environment's namespaces, without privileges on the host; an image that is not of the
expected form raises ValueError or struct.error and the environment fails.
"""

from __future__ import annotations

import os
import stat
import struct

_BLOCK = 4096
_INODE = struct.Struct("<HHHHQI")
_DIRENT = struct.Struct("<QHBB")


def unpack_image(image: int, target: str) -> None:
    """Write the tree of the image in descriptor `image` below the directory `target`."""
    magic = struct.unpack("<I", os.pread(image, 4, 1024))[0]
    root = struct.unpack("<H", os.pread(image, 2, 1024 + 14))[0]
    if magic != 0xE0F5E1E2:
        raise ValueError("not an EROFS image")
    _unpack_directory(image, root, target, 0)


def _inode(image: int, nid: int) -> tuple[int, int, int]:
    layout, _, mode, _, size, block = _INODE.unpack(os.pread(image, _INODE.size, nid * 32))
    if layout != 1:
        raise ValueError("unexpected inode layout")
    return mode, size, block


def _unpack_directory(image: int, nid: int, target: str, depth: int) -> None:
    if depth > 128:
        raise ValueError("directories are too deep")
    _, size, block = _inode(image, nid)
    for at in range(0, size, _BLOCK):
        raw = os.pread(image, min(_BLOCK, size - at), block * _BLOCK + at)
        count = struct.unpack_from("<H", raw, 8)[0] // _DIRENT.size
        heads = [_DIRENT.unpack_from(raw, _DIRENT.size * number) for number in range(count)]
        ends = [head[1] for head in heads[1:]] + [len(raw)]
        for (child, start, _, _), end in zip(heads, ends):  # noqa: B905 - zygotes may run on Python 3.9
            name = raw[start:end].rstrip(b"\0")
            if name not in (b".", b"..") and b"/" not in name:
                _unpack_node(image, child, os.path.join(target, os.fsdecode(name)), depth)


def _unpack_node(image: int, nid: int, path: str, depth: int) -> None:
    mode, size, block = _inode(image, nid)
    if stat.S_ISDIR(mode):
        os.mkdir(path, 0o755)
        _unpack_directory(image, nid, path, depth + 1)
    elif stat.S_ISLNK(mode):
        if size > _BLOCK:
            raise ValueError("a link's target is too long")
        os.symlink(os.pread(image, size, block * _BLOCK), path)
    elif stat.S_ISREG(mode):
        _unpack_file(image, block * _BLOCK, size, path, stat.S_IMODE(mode))


def _unpack_file(image: int, at: int, size: int, path: str, permissions: int) -> None:
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, permissions)
    try:
        while size > 0:
            piece = os.pread(image, min(1 << 20, size), at)
            if not piece:
                raise ValueError("the image ends within a file")
            done = os.write(output, piece)
            at += done
            size -= done
    finally:
        os.close(output)
