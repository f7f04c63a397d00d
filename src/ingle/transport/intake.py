"""Bodies on their way in and while they are worked on: what all of them together may hold of this machine's memory.

A body is counted from its first piece until its holder lets go of it, which is when its memory is free again. Whatever
arrived together with its request's head is not counted: at most 256 KiB of it wait for nobody. Each owner (a principal,
a function that is open to everybody) has at most half of the room, so that no owner can shut out the others.
"""

import os
from collections import Counter
from types import TracebackType

from ingle.transport.exchange import Exchange
from ingle.transport.messages import BodyTooLargeError
from ingle.values import IngleError


class IntakeFullError(IngleError):
    """There is no room for more of a body now; later there may be."""


def physical_memory_bytes() -> int:
    """Return how much memory this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class Intake:
    """Reads bodies, as long as there is room for them."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._held: Counter[str] = Counter()
        self._total_bytes = 0

    def hold(self, owner: str) -> "Holding":
        """Return the account of one body, to be used as a context: what it reads is counted until the context ends."""
        return Holding(self, owner)

    def take(self, owner: str, count: int) -> None:
        """Count bytes that have come. Raises IntakeFullError where there is no room for them."""
        if self._total_bytes + count > self._limit_bytes or self._held[owner] + count > self._limit_bytes // 2:
            raise IntakeFullError("Too many bodies are on their way; try again.")
        self._total_bytes += count
        self._held[owner] += count

    def give_back(self, owner: str, count: int) -> None:
        """Count bytes no more."""
        self._total_bytes -= count
        self._held[owner] -= count
        if not self._held[owner]:
            del self._held[owner]


class Holding:
    """One body's account."""

    __slots__ = ("_held_bytes", "_intake", "_owner")

    def __init__(self, intake: Intake, owner: str) -> None:
        self._intake = intake
        self._owner = owner
        self._held_bytes = 0

    def __enter__(self) -> "Holding":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._intake.give_back(self._owner, self._held_bytes)
        self._held_bytes = 0

    async def read(self, exchange: Exchange, limit_bytes: int) -> bytes:
        """Return the whole body.

        Raises BodyTooLargeError above the limit, IntakeFullError where there is no room, DisconnectedError.
        """
        body = exchange.body_nowait
        if body is not None:
            if len(body) > limit_bytes:
                raise BodyTooLargeError(f"the body is larger than {limit_bytes} bytes")
            return body
        pieces: list[bytes] = []
        async for piece in exchange.chunks():
            if self._held_bytes + len(piece) > limit_bytes:
                raise BodyTooLargeError(f"the body is larger than {limit_bytes} bytes")
            self._intake.take(self._owner, len(piece))
            self._held_bytes += len(piece)
            pieces.append(piece)
        return b"".join(pieces)
