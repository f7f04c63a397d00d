"""Copies that are made ahead of who needs the next, one for every version whose environments are copies."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from ingle.environments import State, VersionKey
from ingle.values import IngleError

KEPT_S = 600.0
"""How long one waits to be wanted."""
MOST = 256
"""How many wait at most, the one made first to go first: callers may name as many tenants as they like."""


class Made(Protocol):
    """What is made ahead."""

    @property
    def state(self) -> State: ...

    def retire(self) -> None:
        """End it."""
        ...


Of = TypeVar("Of", bound=Made)


class Ahead(Generic[Of]):
    """The next environment of each version, made or on its way."""

    def __init__(self, kept_s: float = KEPT_S, most: int = MOST) -> None:
        self._kept_s = kept_s
        self._most = most
        self._next: dict[VersionKey, asyncio.Task[Of]] = {}
        self._timers: dict[VersionKey, asyncio.TimerHandle] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    def make(self, key: VersionKey, work: Callable[[], Coroutine[Any, Any, Of]]) -> None:
        """Have one made, unless there is one already."""
        if key in self._next:
            return
        self._next[key] = asyncio.create_task(work())
        self._timers[key] = asyncio.get_running_loop().call_later(self._kept_s, self._let_go, key)
        if len(self._next) > self._most:
            self._let_go(next(iter(self._next)))

    def take(self, key: VersionKey) -> Of | None:
        """Return the one that is ready and can serve at once; None where there is none."""
        task = self._next.get(key)
        if task is None or not task.done():
            return None
        self._remove(key)
        if task.cancelled() or task.exception() is not None or not task.result().state.can_serve:
            return None
        return task.result()

    def drop(self, is_meant: Callable[[VersionKey], bool]) -> None:
        """End those of certain versions, also what is still on its way."""
        for key in [key for key in self._next if is_meant(key)]:
            self._let_go(key)

    def _let_go(self, key: VersionKey) -> None:
        dropping = asyncio.create_task(_end(self._remove(key)))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)

    def _remove(self, key: VersionKey) -> asyncio.Task[Of]:
        self._timers.pop(key).cancel()  # a timer would keep what it is for in memory
        return self._next.pop(key)


async def _end(task: asyncio.Task[Any]) -> None:
    with contextlib.suppress(IngleError):
        (await task).retire()
