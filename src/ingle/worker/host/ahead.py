"""Copies that are made ahead of who needs the next, for every version whose environments are copies.

One of each version waits, and more of those that were wanted often in the last seconds, up to `EACH`: who calls without a
pause takes them faster than one after the other could be made.
"""

import asyncio
import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

from ingle.environments import State, VersionKey
from ingle.spawner.pool import Demand
from ingle.values import IngleError

KEPT_S = 600.0
"""How long the last one waits to be wanted."""
MOST = 256
"""How many wait at most, the one made first to go first: callers may name as many tenants as they like."""
EACH = 8
"""How many wait of one version at most."""
HALF_LIFE_S = 1.0
"""How fast what was wanted is forgotten."""


class Made(Protocol):
    """What is made ahead."""

    @property
    def state(self) -> State: ...

    def retire(self) -> None:
        """End it."""
        ...


Of = TypeVar("Of", bound=Made)


@dataclasses.dataclass(slots=True, kw_only=True)
class _Stock(Generic[Of]):
    """What there is of one version, made or on its way, the oldest first."""

    demand: Demand
    tasks: deque[asyncio.Task[Of]] = dataclasses.field(default_factory=deque)
    wanted_at: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Ahead(Generic[Of]):
    """The next environments of each version."""

    def __init__(self, kept_s: float = KEPT_S, most: int = MOST, half_life_s: float = HALF_LIFE_S) -> None:
        self._kept_s = kept_s
        self._half_life_s = half_life_s
        self._most = most
        self._stocks: dict[VersionKey, _Stock[Of]] = {}
        self._dropping: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def make(self, key: VersionKey, work: Callable[[], Coroutine[Any, Any, Of]]) -> None:
        """Somebody has got one: have as many made as others may want soon."""
        stock = self._stocks.pop(key, None) or _Stock[Of](demand=Demand(self._half_life_s))
        self._stocks[key] = stock  # the one wanted last is the last
        stock.wanted_at = self._loop.time()
        stock.demand.taken(stock.wanted_at)
        while len(stock.tasks) < self._wanted(stock):
            stock.tasks.append(asyncio.create_task(work()))
        if stock.timer is None:
            stock.timer = self._loop.call_later(min(2 * self._half_life_s, self._kept_s), self._look, key)
        self._bound()

    def _wanted(self, stock: _Stock[Of]) -> int:
        return min(max(1, round(stock.demand.level(self._loop.time()))), EACH)

    async def take(self, key: VersionKey) -> Of | None:
        """Return one that can serve, as soon as the first is ready; None where there is none, or it has failed."""
        stock = self._stocks.get(key)
        while stock is not None and stock.tasks:
            task = next((one for one in stock.tasks if one.done()), stock.tasks[0])
            stock.tasks.remove(task)
            if task.done():
                made = _result(task)
                if made is None:
                    continue
                return made
            try:
                await asyncio.wait((task,))
            except asyncio.CancelledError:
                self._let_go(task)
                raise
            return _result(task)
        return None

    def drop(self, is_meant: Callable[[VersionKey], bool]) -> None:
        """End those of certain versions, also what is still on its way."""
        for key in [key for key in self._stocks if is_meant(key)]:
            self._drop(key)

    def _drop(self, key: VersionKey) -> None:
        stock = self._stocks.pop(key)
        if stock.timer is not None:
            stock.timer.cancel()  # a timer would keep what it is for in memory
        for task in stock.tasks:
            self._let_go(task)

    def _look(self, key: VersionKey) -> None:
        """Let go what is wanted no more: first all but one, in the end the last one."""
        stock = self._stocks[key]
        left_s = stock.wanted_at + self._kept_s - self._loop.time()
        if left_s <= 0:
            self._drop(key)
            return
        while len(stock.tasks) > self._wanted(stock):
            self._let_go(stock.tasks.popleft())
        pause_s = left_s if len(stock.tasks) <= 1 else min(2 * self._half_life_s, left_s)
        stock.timer = self._loop.call_later(pause_s, self._look, key)

    def _bound(self) -> None:
        """Keep `most` of all versions at most."""
        excess = sum(len(stock.tasks) for stock in self._stocks.values()) - self._most
        for key in list(self._stocks):
            stock = self._stocks[key]
            while excess > 0 and stock.tasks:
                self._let_go(stock.tasks.popleft())
                excess -= 1
            if excess <= 0:
                return
            self._drop(key)

    def _let_go(self, task: asyncio.Task[Of]) -> None:
        dropping = asyncio.create_task(_end(task))
        self._dropping.add(dropping)
        dropping.add_done_callback(self._dropping.discard)


def _result(task: asyncio.Task[Of]) -> Of | None:
    if task.cancelled() or task.exception() is not None or not task.result().state.can_serve:
        return None
    return task.result()


async def _end(task: asyncio.Task[Any]) -> None:
    with contextlib.suppress(IngleError):
        (await task).retire()
