"""Environments that have answered and can't serve yet, and callers who wait a moment for them.

Who calls again at once after an answer may find the function's concurrency still taken, because its runtime asks for the
next event some milliseconds late: a busy host is enough for that. Lambda answers 429 there, and so does Ingle, but only
after a moment. As many callers wait as environments settle; all others are refused at once.
"""

import asyncio
import contextlib
from collections import deque

from ingle.gateway.fleet.admission import FunctionKey

PATIENCE_S = 0.1
"""How long a caller waits: longer than a runtime needs to ask on a busy host, shorter than anybody minds."""


class Settling:
    """Counts, by function, environments that settle, and wakes who waits for one."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._counts: dict[FunctionKey, int] = {}
        self._waiting: dict[FunctionKey, deque[asyncio.Future[None]]] = {}

    def begin(self, function: FunctionKey) -> None:
        """An environment has answered, and can't serve yet."""
        self._counts[function] = self._counts.get(function, 0) + 1

    def end(self, function: FunctionKey) -> None:
        """It can serve, or never will. The caller gives its concurrency back before anybody else has a turn."""
        self._counts[function] -= 1
        if not self._counts[function]:
            del self._counts[function]
        for waiter in self._waiting.get(function, ()):
            if not waiter.done():
                waiter.set_result(None)
                return

    async def wait(self, function: FunctionKey) -> bool:
        """Return whether one of the function's environments has settled within a moment."""
        waiting = self._waiting.setdefault(function, deque())
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(waiter)
        try:
            if len(waiting) > self._counts.get(function, 0):
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await waiter
            return waiter.done() and not waiter.cancelled()
        finally:
            waiting.remove(waiter)
            if not waiting:
                self._waiting.pop(function, None)
