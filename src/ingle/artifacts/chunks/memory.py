"""Chunks in memory, for tests."""

from collections.abc import Iterator

from ingle.artifacts.chunks.contract import ChunkMissingError


class MemoryChunks:
    """A chunk store that ends with its process."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self._aside: dict[str, tuple[int, bytes]] = {}

    def put(self, name: str, sealed: bytes) -> None:
        self.held[name] = sealed

    def get(self, name: str) -> bytes:
        try:
            return self.held[name]
        except KeyError:
            raise ChunkMissingError(name) from None

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def names(self) -> Iterator[str]:
        return iter(list(self.held))

    def set_aside(self, name: str, now_ms: int) -> None:
        if name in self.held:
            self._aside[name] = (now_ms, self.held.pop(name))

    def aside(self) -> dict[str, int]:
        return {name: at_ms for name, (at_ms, _) in self._aside.items()}

    def take_back(self, name: str) -> None:
        if name in self._aside:
            self.held[name] = self._aside.pop(name)[1]

    def delete_aside(self, name: str) -> None:
        self._aside.pop(name, None)
