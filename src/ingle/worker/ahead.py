"""Environments that are made ahead of a single invocation each, one for every version that has them."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from ingle.environments import State, VersionKey
from ingle.values import IngleError

KEPT_S = 600.0
"""How long one waits to be wanted."""


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

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._next: dict[VersionKey, asyncio.Task[Of]] = {}
        self._dropping: set[asyncio.Task[None]] = set()

    def make(self, key: VersionKey, work: Callable[[], Coroutine[Any, Any, Of]]) -> None:
        """Have one made, unless there is one already."""
        if key in self._next:
            return
        task = self._next[key] = asyncio.create_task(work())
        asyncio.get_running_loop().call_later(self._kept_s, self._expire, key, task)

    def take(self, key: VersionKey) -> Of | None:
        """Return the one that is ready and can serve at once; None where there is none."""
        task = self._next.get(key)
        if task is None or not task.done():
            return None
        del self._next[key]
        if task.cancelled() or task.exception() is not None or not task.result().state.can_serve:
            return None
        return task.result()

    def drop(self, is_meant: Callable[[VersionKey], bool]) -> None:
        """End those of certain versions, also what is still on its way."""
        for key in [key for key in self._next if is_meant(key)]:
            dropping = asyncio.create_task(_end(self._next.pop(key)))
            self._dropping.add(dropping)
            dropping.add_done_callback(self._dropping.discard)

    def _expire(self, key: VersionKey, task: asyncio.Task[Of]) -> None:
        if self._next.get(key) is task:
            self.drop(lambda one: one == key)


async def _end(task: asyncio.Task[Any]) -> None:
    with contextlib.suppress(IngleError):
        (await task).retire()
