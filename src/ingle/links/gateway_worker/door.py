"""The worker's end over HTTP."""

import asyncio
from typing import Any, cast

import msgspec

from ingle.environments import VersionKey
from ingle.links.gateway_worker import wire
from ingle.links.gateway_worker.calls import StartRefusedError, WorkerHandler
from ingle.links.gateway_worker.messages import Ending, Fate, NotStarted, StartEnvironment
from ingle.links.invocation import parse_invocation
from ingle.links.link import LinkDoor, read_order
from ingle.transport import Exchange
from ingle.values import PAYLOAD_LIMIT_BYTES

_INVOKE = len(wire.INVOKE)


class HttpCaller:
    """The gateway's exchange that waits for the answer of an invocation."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    @property
    def has_begun(self) -> bool:
        """Whether anything was answered."""
        return self._exchange.answered

    @property
    def is_gone(self) -> bool:
        """Whether nobody waits any more."""
        return self._exchange.is_disconnected

    def answer(self, body: bytes, fate: Fate, *, has_failed: bool = False, log_result: bytes = b"") -> None:
        """Give the whole answer."""
        self._exchange.respond(200, wire.render_answer(fate, has_failed=has_failed, log_result=log_result), body)

    def begin(self, content_type: bytes) -> None:
        """Begin an answer whose body follows by `write`."""
        self._exchange.start(200, ((wire.CONTENT_TYPE, content_type),))

    async def write(self, piece: bytes) -> None:
        """Give a piece. Raises DisconnectedError."""
        await self._exchange.write(piece)

    def end(self, ending: Ending) -> None:
        """End an answer that was begun."""
        self._exchange.finish(wire.render_ending(ending))

    def cut(self) -> None:
        """Leave the caller without an answer, or without the rest of one."""
        self._exchange.abort()


class WorkerDoor(LinkDoor):
    """Gives each call to the handler. An invocation that is here as a whole needs no task."""

    def __init__(self, token: str, handler: WorkerHandler) -> None:
        self._handler = handler
        calls = {
            wire.START: self._start,
            wire.SETTLE: self._settle,
            wire.END: self._end,
            wire.RESET: self._reset,
            wire.PREPARE: self._prepare,
            wire.WANT_TEMPLATE: self._want_template,
            wire.FORGET_TEMPLATE: self._forget_template,
            wire.REPORT_ENVIRONMENTS: self._report_environments,
            wire.REPORT_POOLS: self._report_pools,
            wire.IS_READY: self._is_ready,
            wire.CHANGES: self._changes,
        }
        super().__init__(token, calls)

    def _serve(self, exchange: Exchange) -> Any:
        if not exchange.target.startswith(wire.INVOKE):
            return super()._serve(exchange)
        body = exchange.body_nowait
        if body is None:
            return self._invoke_later(exchange)
        return self._invoke(exchange, body)

    async def _invoke_later(self, exchange: Exchange) -> None:
        self._invoke(exchange, await exchange.read(PAYLOAD_LIMIT_BYTES))

    def _invoke(self, exchange: Exchange, body: bytes) -> None:
        invocation = parse_invocation(exchange.headers, body)
        if not self._handler.invoke(exchange.target[_INVOKE:], invocation, HttpCaller(exchange)):
            exchange.respond(409, ())

    async def _start(self, exchange: Exchange) -> None:
        wanted = msgspec.json.decode(await read_order(exchange), type=StartEnvironment)
        try:
            started = await self._handler.start(wanted)
        except StartRefusedError as error:
            exchange.respond(503, (), msgspec.json.encode(NotStarted(message=str(error), code=error.code)))
            return
        if exchange.is_disconnected:  # the gateway that asked is gone, and its successor knows nothing of this one
            await self._handler.end(started.environment_id.encode())
        exchange.respond(200, (), msgspec.json.encode(started))

    async def _settle(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.settle(await read_order(exchange))))

    async def _end(self, exchange: Exchange) -> None:
        await self._handler.end(await read_order(exchange))
        exchange.respond(200, ())

    async def _reset(self, exchange: Exchange) -> None:
        await self._handler.reset()
        exchange.respond(200, ())

    async def _prepare(self, exchange: Exchange) -> None:
        await self._handler.prepare((await read_order(exchange)).decode())
        exchange.respond(200, ())

    async def _want_template(self, exchange: Exchange) -> None:
        await self._handler.want_template(msgspec.json.decode(await read_order(exchange), type=VersionKey))
        exchange.respond(200, ())

    async def _forget_template(self, exchange: Exchange) -> None:
        await self._handler.forget_template(msgspec.json.decode(await read_order(exchange), type=VersionKey))
        exchange.respond(200, ())

    async def _report_environments(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.report_environments()))

    async def _report_pools(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.report_pools()))

    async def _is_ready(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.is_ready()))

    async def _changes(self, exchange: Exchange) -> None:
        telling = cast("asyncio.Task[None]", asyncio.current_task())
        exchange.on_disconnect(lambda: _cancel(telling))  # a gateway that is gone takes no change from its successor
        exchange.start(200, ())
        async for change in self._handler.changes():
            await exchange.write(msgspec.json.encode(change) + b"\n")


def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
