"""A link without a wire: for tests and simulations, in which the test breaks it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ingle.links.link import LinkRefusedError
from ingle.transport import ConnectionFailedError, DisconnectedError

LOST = "the link is cut"
_T = TypeVar("_T")


class MemoryLink:
    """A peer in the same process. An order goes on there when its caller gives up or the link is cut, as one that was sent.

    Of the peer's errors its caller hears those that the calls name, `passed_on`; another one is a failure of the peer.
    """

    def __init__(self, *passed_on: type[Exception]) -> None:
        self._passed_on = passed_on
        self._lost = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    def cut(self) -> None:
        """Break the link for good: what waits fails, and so does every further call."""
        self._lost.set()

    def _check(self) -> None:
        if self._lost.is_set():
            raise ConnectionFailedError(LOST)

    async def _order(self, call: Coroutine[Any, Any, _T]) -> _T:
        if self._lost.is_set():
            call.close()
        self._check()
        task, lost = asyncio.ensure_future(call), asyncio.ensure_future(self._lost.wait())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.wait((task, lost), return_when=asyncio.FIRST_COMPLETED)
        finally:
            lost.cancel()
        if self._lost.is_set():
            raise DisconnectedError(LOST)
        try:
            return task.result()
        except self._passed_on:
            raise
        except Exception:
            raise LinkRefusedError(500) from None
