"""Namespaces that are made ahead of the environments that need them."""

from __future__ import annotations


class Stock:
    """What is free, as pairs of numbers; who knows how one is made says so in `_make`."""

    def __init__(self) -> None:
        self._free: list[tuple[int, int]] = []

    def make_ahead(self, wanted: int) -> bool:
        """Make one more where fewer than `wanted` are free; return whether there are still fewer."""
        if len(self._free) < wanted:
            self._free.append(self._make())
        return len(self._free) < wanted

    def take(self) -> tuple[int, int]:
        """Return one, made now where none is free."""
        return self._free.pop() if self._free else self._make()

    def _make(self) -> tuple[int, int]:
        raise NotImplementedError
