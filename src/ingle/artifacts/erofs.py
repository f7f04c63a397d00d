"""Lays an archive out as an EROFS image: read-only, uncompressed, the same bytes for the same content.

On-disk format: Linux Documentation/filesystems/erofs.rst and fs/erofs/erofs_fs.h. Blocks have 4 KiB. Block 0 holds the
superblock at 1024 and, from 1152 on, one 64-byte extended inode for each name, in the order of their paths; then come
the directories' blocks, then the files' blocks, each beginning on a block of its own (layout "flat plain").
"""

import dataclasses
import stat
import struct
from collections.abc import Iterator
from typing import Protocol

from ingle.artifacts.archive import Entry

BLOCK = 4096
_MAGIC = 0xE0F5E1E2
_INODES_AT = 1024 + 128
_INODE = struct.Struct("<HHHHQIIIIQII16x")
_DIRENT = struct.Struct("<QHBB")
_SUPERBLOCK = struct.Struct("<IIIBBHQQIIII16s16sIHHHBBIQB23x")
_EXTENDED_FLAT_PLAIN = 1
_BUILD_TIME = 315_532_800  # 1980-01-01, the first date that a zip archive can hold
_TYPES = {"file": 1, "directory": 2, "link": 7}
_FORMATS = {"file": stat.S_IFREG, "directory": stat.S_IFDIR, "link": stat.S_IFLNK}


class Source(Protocol):
    """What is laid out: a checked archive, or several merged."""

    entries: list[Entry]

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        """Yield an entry's content. Raises ArchiveError where it can't be read."""
        ...


@dataclasses.dataclass(slots=True)
class _Node:
    entry: Entry
    number: int = 0
    children: "dict[bytes, _Node]" = dataclasses.field(default_factory=dict)
    parent: "_Node | None" = None
    size: int = 0
    block: int = 0
    content: bytes = b""

    @property
    def nid(self) -> int:
        return (_INODES_AT + 64 * self.number) // 32


def lay_out_image(archive: Source) -> Iterator[bytes]:
    """Yield the image piece by piece; raises ArchiveError where an entry can't be read."""
    nodes = _tree(archive.entries)
    first_block = _blocks(_INODES_AT + 64 * len(nodes))
    next_block = _place(nodes, first_block)
    yield from _metadata(nodes, next_block, first_block)
    for node in nodes:
        if node.content:
            yield node.content + bytes(-len(node.content) % BLOCK)
    for node in nodes:
        if node.entry.kind == "file" and node.size:
            yield from archive.pieces(node.entry)
            yield bytes(-node.size % BLOCK)


def _blocks(size: int) -> int:
    return -(-size // BLOCK)


def _directory(path: tuple[str, ...]) -> Entry:
    return Entry(path=path, kind="directory", size=0, is_executable=True, target=b"", source=None)


def _tree(entries: list[Entry]) -> list[_Node]:
    """Return every node, parents first, in the order of their paths; directories that nobody named are added."""
    root = _Node(_directory(()))
    root.parent = root
    for entry in entries:
        node = root
        for depth, part in enumerate(entry.path, 1):
            child = node.children.get(part.encode())
            if child is None:
                child = _Node(_directory(entry.path[:depth]), parent=node)
                node.children[part.encode()] = child
            node = child
        node.entry = entry
    nodes: list[_Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        node.number = len(nodes)
        nodes.append(node)
        node.children = dict(sorted(node.children.items()))
        stack.extend(reversed(node.children.values()))
    return nodes


def _place(nodes: list[_Node], block: int) -> int:
    """Give each node its size and first block: directories and links first, then files. Return the block behind."""
    for node in nodes:
        if node.entry.kind == "directory":
            node.content = _directory_content(node)
        elif node.entry.kind == "link":
            node.content = node.entry.target
        node.size = len(node.content) or node.entry.size
        if node.content:
            node.block, block = block, block + _blocks(node.size)
    for node in nodes:
        if node.entry.kind == "file" and node.size:
            node.block, block = block, block + _blocks(node.size)
    return block


def _directory_content(node: _Node) -> bytes:
    assert node.parent is not None
    names = {b".": node, b"..": node.parent, **node.children}
    done: list[bytes] = []
    group: list[tuple[bytes, _Node]] = []
    used = 0
    for item in sorted(names.items()):
        need = _DIRENT.size + len(item[0])
        if used + need > BLOCK:
            done.append(_directory_block(group).ljust(BLOCK, b"\0"))
            group, used = [], 0
        group.append(item)
        used += need
    done.append(_directory_block(group))
    return b"".join(done)


def _directory_block(group: list[tuple[bytes, _Node]]) -> bytes:
    heads, names, offset = [], [], _DIRENT.size * len(group)
    for name, node in group:
        heads.append(_DIRENT.pack(node.nid, offset, _TYPES[node.entry.kind], 0))
        names.append(name)
        offset += len(name)
    return b"".join(heads + names)


def _inode(node: _Node) -> bytes:
    permissions = 0o777 if node.entry.kind == "link" else 0o755 if node.entry.is_executable else 0o644
    links = 1
    if node.entry.kind == "directory":
        links = 2 + sum(child.entry.kind == "directory" for child in node.children.values())
    return _INODE.pack(
        _EXTENDED_FLAT_PLAIN,
        0,
        _FORMATS[node.entry.kind] | permissions,
        0,
        node.size,
        node.block,
        node.number + 1,
        0,
        0,
        _BUILD_TIME,
        0,
        links,
    )


def _metadata(nodes: list[_Node], blocks: int, first_block: int) -> Iterator[bytes]:
    superblock = _SUPERBLOCK.pack(
        _MAGIC, 0, 0, 12, 0, nodes[0].nid, len(nodes), _BUILD_TIME, 0, blocks, 0, 0,
        bytes(16), bytes(16), 0, 0, 0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    head = bytes(1024) + superblock + b"".join(map(_inode, nodes))
    yield head.ljust(first_block * BLOCK, b"\0")
