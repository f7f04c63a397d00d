"""The port of a chunk store."""

from collections.abc import Iterator
from typing import Protocol

from ingle.values import IngleError


class ChunkMissingError(IngleError):
    """The store has no such chunk."""


class ChunkStore(Protocol):
    """Keeps sealed chunks by name; every operation may be repeated, and none sees a plaintext."""

    def put(self, name: str, sealed: bytes) -> None:
        """Keep a chunk; durable on return, whole or not at all. The same name always comes with the same bytes."""
        ...

    def get(self, name: str) -> bytes:
        """Return a chunk. Raises ChunkMissingError."""
        ...

    def delete(self, name: str) -> None:
        """Forget a chunk; no error where there is none."""
        ...

    def names(self) -> Iterator[str]:
        """Iterate over the names of all chunks, in any order; those that are set aside are none."""
        ...

    def set_aside(self, name: str, now_ms: int) -> None:
        """Have a chunk count as missing, and keep it nevertheless; no error where there is none."""
        ...

    def aside(self) -> dict[str, int]:
        """Return the names of the chunks that are set aside, and since when (milliseconds of the epoch)."""
        ...

    def take_back(self, name: str) -> None:
        """Have a chunk that is set aside count again; no error where there is none."""
        ...

    def delete_aside(self, name: str) -> None:
        """Forget a chunk that is set aside; no error where there is none."""
        ...
