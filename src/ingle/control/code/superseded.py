"""Zips that no version has any more, kept as long as a URL that was given out for them is good."""

import asyncio

import structlog

from ingle.control.code.code_store import CodeStore
from ingle.control.code.downloads import GOOD_FOR_S
from ingle.functions import Function
from ingle.store import FunctionRepository
from ingle.values import Clock

_log = structlog.get_logger("ingle.control")
_Key = tuple[str, str, str]
_PAUSE_S = 60.0
"""After what the disk has refused."""


class SupersededCode:
    """Keeps what an update replaces, and deletes it when its time has come; one task a function that has any."""

    def __init__(self, functions: FunctionRepository, code: CodeStore, clock: Clock) -> None:
        self._functions = functions
        self._code = code
        self._clock = clock
        self._tasks: dict[_Key, asyncio.Task[None]] = {}

    def keep(self, before: Function, after: Function) -> Function:
        """Return a function with the zips kept that it had before an update and has no more, and the outlived ones dropped."""
        now_ms = self._clock.now_ms()
        after = after.without_superseded(now_ms)
        for code in before.zips:
            after = after.superseding(code, now_ms + GOOD_FOR_S * 1000)
        return after

    def resume(self) -> None:
        """Take up what an earlier control left to delete."""
        for function in list(self._functions.every()):
            self.watch(function)

    def watch(self, function: Function) -> None:
        """Delete in time what a stored function keeps."""
        key = (function.account, function.region, function.name)
        if function.superseded and key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._expire(key))

    async def _expire(self, key: _Key) -> None:
        while (function := self._functions.find(*key)) is not None and function.superseded:
            until_ms = min(one.until_ms for one in function.superseded)
            await asyncio.sleep(max(0, until_ms - self._clock.now_ms()) / 1000)
            try:
                await self.expire(key)
            except Exception as error:  # a full disk: what is kept must not stay for good
                _log.error("code.not_deleted", function=key[2], reason=type(error).__name__)
                await asyncio.sleep(_PAUSE_S)
        del self._tasks[key]

    async def expire(self, key: _Key) -> None:
        """Delete what a function has kept long enough."""
        function = self._functions.find(*key)
        if function is None:
            return
        kept = function.without_superseded(self._clock.now_ms())
        self._functions.save(kept)
        await asyncio.to_thread(self._code.delete_unused, function, kept)

    async def close(self) -> None:
        """Leave the rest to the next control."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
