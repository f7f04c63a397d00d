"""The link without a wire: for tests and simulations, in which the test breaks it."""

import asyncio
from collections.abc import AsyncIterator

from ingle.environments import VersionKey
from ingle.links.gateway_worker.calls import CannotServeError, StartRefusedError, WorkerHandler
from ingle.links.gateway_worker.messages import (
    IDLE,
    Change,
    Ending,
    EnvironmentReport,
    EnvironmentStarted,
    Fate,
    PoolLevel,
    StartEnvironment,
)
from ingle.links.invocation import Invocation
from ingle.links.memory import LOST, MemoryLink
from ingle.transport import DisconnectedError, IncomingBody, WriteGate


class MemoryExchange:
    """Both ends of one invocation: the worker's `Caller` and the gateway's `Answer`. It holds one piece at a time."""

    def __init__(self) -> None:
        self.content_type = self.function_error = self.log_result = b""
        self.fate: Fate = IDLE
        self.has_begun = self.is_gone = False
        self.begun = asyncio.Event()
        """Set with the head of the answer, or once none will come."""
        self._gate = WriteGate()
        self._body = IncomingBody(self._gate.pause, self._gate.resume)
        self._ending: Ending | None = None

    # the worker's end

    def answer(self, body: bytes, fate: Fate, *, has_failed: bool = False, log_result: bytes = b"") -> None:
        """Give the whole answer."""
        self.begin(b"application/json")
        self.fate, self.log_result = fate, log_result
        self.function_error = b"Unhandled" if has_failed else b""
        self._body.feed(body)
        self.end(Ending(fate=fate, log_result=log_result))

    def begin(self, content_type: bytes) -> None:
        """Begin an answer whose body follows by `write`."""
        if self.has_begun:
            raise RuntimeError("this invocation has been answered")
        self.has_begun, self.content_type = True, content_type
        self.begun.set()

    async def write(self, piece: bytes) -> None:
        """Give a piece; returns when the one before has been taken. Raises DisconnectedError."""
        if self._body.ended:
            raise DisconnectedError(LOST)
        if piece:
            self._body.feed(piece)
            self._body.hold()
        await self._gate.wait()

    def end(self, ending: Ending) -> None:
        """End an answer that was begun."""
        if not self._body.ended:
            self._ending = ending
            self._body.end()

    def cut(self) -> None:
        """Leave the gateway without an answer, or without the rest of one."""
        self._body.end(LOST)
        self._gate.fail(LOST)
        self.is_gone = True
        self.begun.set()

    # the gateway's end

    @property
    def body_nowait(self) -> bytes | None:
        """The whole body where it is here already, else None."""
        return self._body.whole

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises DisconnectedError if it breaks off."""
        return self._body.chunks()

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError, or DisconnectedError if it breaks off."""
        return await self._body.read(limit)

    @property
    def is_whole(self) -> bool:
        """Whether the body has come to its end, read or not."""
        return self._body.ended and self._body.failure is None

    @property
    def ending(self) -> Ending:
        """How the invocation ended; only where `is_whole`."""
        if self._ending is None:
            raise RuntimeError("this answer has not come to its end")
        return self._ending

    @property
    def has_ended(self) -> bool:
        """Whether nothing more comes, for whatever reason."""
        return self._body.ended

    def close(self) -> None:
        """Give up an answer that is not read to its end."""
        if not self._body.ended:
            self.cut()


class MemoryWorker(MemoryLink):
    """A worker in the same process; it implements `Worker`, where the calls are described."""

    def __init__(self, handler: WorkerHandler) -> None:
        super().__init__(StartRefusedError)
        self._handler = handler
        self._exchanges: set[MemoryExchange] = set()

    def cut(self) -> None:
        """Break the link for good: what waits fails, and so does every further call."""
        super().cut()
        for exchange in tuple(self._exchanges):
            exchange.close()

    async def invoke(self, identifier: bytes, invocation: Invocation) -> MemoryExchange:
        """Have an environment serve. Raises CannotServeError."""
        self._check()
        exchange = MemoryExchange()
        if not self._handler.invoke(identifier, invocation, exchange):
            raise CannotServeError("the environment can't serve")
        self._exchanges = {one for one in self._exchanges if not one.has_ended} | {exchange}
        try:
            await exchange.begun.wait()
        except asyncio.CancelledError:
            exchange.close()
            raise
        if not exchange.has_begun:
            raise DisconnectedError(LOST)
        return exchange

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment. Raises StartRefusedError."""
        return await self._order(self._start(wanted))

    async def _start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        started = await self._handler.start(wanted)
        if self._lost.is_set():  # nobody knows of it
            await self._handler.end(started.environment_id.encode())
        return started

    async def settle(self, identifier: bytes) -> bool:
        """Wait until an environment can serve again."""
        return await self._order(self._handler.settle(identifier))

    async def end(self, identifier: bytes) -> None:
        """Have an environment end."""
        await self._order(self._handler.end(identifier))

    async def reset(self) -> None:
        """End all that there is."""
        await self._order(self._handler.reset())

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime."""
        await self._order(self._handler.prepare(runtime))

    async def want_template(self, version: VersionKey) -> None:
        """Hold a version's template."""
        await self._order(self._handler.want_template(version))

    async def forget_template(self, version: VersionKey) -> None:
        """Hold a version's template no more."""
        await self._order(self._handler.forget_template(version))

    async def report_environments(self) -> list[EnvironmentReport]:
        """Return a report of each environment."""
        return await self._order(self._handler.report_environments())

    async def report_pools(self) -> list[PoolLevel]:
        """Return the levels of the blank environments."""
        return await self._order(self._handler.report_pools())

    async def is_ready(self) -> bool:
        """Return whether the worker can start environments."""
        return await self._order(self._handler.is_ready())

    async def changes(self) -> AsyncIterator[Change]:
        """Tell of what happens by itself, until the link is cut."""
        self._check()
        lost = asyncio.ensure_future(self._lost.wait())
        changes = self._handler.changes()
        change = asyncio.ensure_future(_next(changes))
        try:
            while True:
                await asyncio.wait((change, lost), return_when=asyncio.FIRST_COMPLETED)
                if not change.done():
                    raise DisconnectedError(LOST)
                yield change.result()
                change = asyncio.ensure_future(_next(changes))
        finally:
            change.cancel()
            lost.cancel()


async def _next(changes: AsyncIterator[Change]) -> Change:
    return await anext(changes)
