"""Trees for tests of images: written as archives, read back from a directory."""

import os
import stat
from pathlib import Path

from archive_samples import LINK_MODE, zip_of

from ingle.artifacts import lay_out_image, read_archive

Tree = dict[str, bytes | tuple[bytes, bool] | str]
"""Paths: a file's content (with whether it is executable), a link's target, or "/" for a directory."""

SHAPES: dict[str, Tree] = {
    "nothing": {},
    "one file": {"index.py": b"def handler(event, context): return event"},
    "empty files": {f"empty{number}": b"" for number in range(3)},
    "blocks": {f"f{size}": bytes([size % 251]) * size for size in (1, 4095, 4096, 4097, 8192, 1_000_000)},
    "an empty directory": {"d": "/", "e/f": "/"},
    "500 names": {f"module_{number}.py": b"%d" % number for number in range(500)},
    "3000 names": {f"d/{number:04}": b"" for number in range(3000)},
    "500 directories": {f"package{number}": "/" for number in range(500)},
    "long names": {f"{number:03}".ljust(255, "n"): b"x" for number in range(40)},
    "deep": {"d/" * 63 + "f": b"x"},
    "links": {"a/b": b"x", "l": "->a/b", "a/up": "->../a/b", "far": "->" + "a/../" * 60 + "a"},
    "executables": {"run": (b"#!/bin/sh", True), "plain": (b"x", False)},
    "names around the dots": {"!": b"1", "-": b"2", "...": b"3", ".a": b"4", "..b": b"5", "0": b"6", "é": b"7"},
}  # fmt: skip


def entries_of(tree: Tree) -> list[tuple[str, bytes, int]]:
    entries = []
    for path, content in tree.items():
        if content == "/":
            entries.append((path + "/", b"", stat.S_IFDIR | 0o755))
        elif isinstance(content, str):
            entries.append((path, content[2:].encode(), LINK_MODE))
        else:
            data, is_executable = content if isinstance(content, tuple) else (content, False)
            entries.append((path, data, stat.S_IFREG | (0o755 if is_executable else 0o644)))
    return entries


def image_of(tree: Tree) -> bytes:
    return b"".join(lay_out_image(read_archive(zip_of(*entries_of(tree)))))


def expected(tree: Tree) -> dict[str, tuple[int, bytes]]:
    """Return mode and content (a link's target) by path, with the directories that nobody named."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in tree:
        parts = path.split("/")
        found.update(("/".join(parts[:depth]), (stat.S_IFDIR | 0o755, b"")) for depth in range(1, len(parts)))
    for path, content, mode in entries_of(tree):
        found[path.rstrip("/")] = (stat.S_IFLNK | 0o777 if stat.S_ISLNK(mode) else mode, content)
    return found


def read_back(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what a directory holds, in the form of `expected`."""
    found: dict[str, tuple[int, bytes]] = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        content = os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes() if path.is_file() else b""
        found[path.relative_to(folder).as_posix()] = (mode, content)
    return found
