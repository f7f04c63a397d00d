"""Chunks as files of a folder, spread over 256 subfolders."""

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ingle.artifacts.chunks.contract import ChunkMissingError

_ASIDE = "aside"
_NAME = re.compile(r"[0-9a-f]{64}")


class FileChunks:
    """A chunk store in a folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise ChunkMissingError(f"not a chunk's name: {name!r}")
        return self._folder / name[:2] / name

    def put(self, name: str, sealed: bytes) -> None:
        path = self._path(name)
        if path.exists():
            return
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(self._folder)  # a new subfolder is durable only with the folder that names it
        descriptor, draft = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            os.rename(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        _sync(path.parent)

    def get(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise ChunkMissingError(name) from None

    def delete(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)

    def set_aside(self, name: str, now_ms: int) -> None:
        path, aside = self._path(name), self._aside_path(name)
        if not path.exists():
            return
        aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(path, ns=(now_ms * 10**6, now_ms * 10**6))
        path.rename(aside)
        _sync(aside.parent)

    def aside(self) -> dict[str, int]:
        found = (path for path in (self._folder / _ASIDE).glob("*") if _NAME.fullmatch(path.name))
        return {path.name: path.stat().st_mtime_ns // 10**6 for path in found}

    def take_back(self, name: str) -> None:
        aside = self._aside_path(name)
        if not aside.exists():
            return
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside.rename(path)
        _sync(path.parent)

    def delete_aside(self, name: str) -> None:
        self._aside_path(name).unlink(missing_ok=True)

    def _aside_path(self, name: str) -> Path:
        return self._folder / _ASIDE / self._path(name).name

    def names(self) -> Iterator[str]:
        for path in self._folder.glob("??/*"):
            if _NAME.fullmatch(path.name):
                yield path.name
            else:
                path.unlink()  # a draft that a crash left


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
