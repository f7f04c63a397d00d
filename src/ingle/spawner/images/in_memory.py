"""Artifact images without root, which may mount nothing for others: each environment unpacks its own copy."""

from __future__ import annotations

import os

from .mounted import check_sealed


class MemoryImages:
    """Images where we may mount nothing, without root: each environment unpacks its own copy."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}
        self._next = 1

    def begin(self, image: int) -> tuple[int, int]:
        check_sealed(image)
        number, self._next = self._next, self._next + 1
        self._held[number] = os.dup(image)
        return number, -1

    def finish(self, number: int) -> None:
        """Nothing is left to do for what is held."""

    def mount_descriptor(self, number: int) -> int:
        return os.dup(self._held[number])

    def detach(self, number: int) -> None:
        os.close(self._held.pop(number))

    def close(self) -> None:
        for number in list(self._held):
            self.detach(number)
