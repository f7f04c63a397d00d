"""Chunks in memory, for tests."""

from collections.abc import Iterator

from ingle.artifacts.chunks.contract import ChunkMissingError


class MemoryChunks:
    """A chunk store that ends with its process."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

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
