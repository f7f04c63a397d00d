"""The worker's door for the gateway: its orders, invocations, and what it is told of environments."""

import asyncio
import contextlib
from typing import Any

import msgspec
import structlog

from ingle.environments import (
    NotStarted,
    StartEnvironment,
)
from ingle.transport import Exchange, is_linked
from ingle.values import PAYLOAD_LIMIT_BYTES, IngleError
from ingle.worker.drivers import Driver, SpawnError
from ingle.worker.environment.beginnings import RestoreFailedError
from ingle.worker.environment.invocation import Invocation
from ingle.worker.host.births import RuntimeMissingError
from ingle.worker.host.environments import Environments

_log = structlog.get_logger("ingle.worker")
_INVOCATIONS = b"/invocations"
_ENVIRONMENTS = b"/environments/"
_SETTLED = b"/settled"


class Agent:
    """The handler of the worker's socket."""

    def __init__(self, environments: Environments, driver: Driver, token: str) -> None:
        self._environments = environments
        self._driver = driver
        self._token = token
        self.is_draining = False

    def __call__(self, exchange: Exchange) -> Any:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
            return None
        target = exchange.target
        if target.endswith(_INVOCATIONS) and target.startswith(_ENVIRONMENTS):
            body = exchange.body_nowait
            if body is None:
                return self._invoke_later(exchange)
            return self._invoke(exchange, body)
        return self._manage(exchange)

    async def _invoke_later(self, exchange: Exchange) -> None:
        self._invoke(exchange, await exchange.read(PAYLOAD_LIMIT_BYTES))

    def _invoke(self, exchange: Exchange, body: bytes) -> None:
        identifier = exchange.target[len(_ENVIRONMENTS) : -len(_INVOCATIONS)]
        environment = self._environments.find(identifier)
        if environment is None or not environment.state.can_serve:
            exchange.respond(409, ())
        else:
            self._environments.census.count_invocation(identifier)
            environment.invoke(Invocation(exchange, body))

    async def _manage(self, exchange: Exchange) -> None:
        match exchange.method, exchange.target:
            case b"POST", b"/environments":
                await self._start(exchange)
            case b"POST", b"/reset":
                self._environments.forget_templates()
                await self._environments.stop_all()
                exchange.respond(200, ())
            case b"POST", b"/prepare":
                with contextlib.suppress(SpawnError):
                    await self._environments.prepare((await exchange.read(1024)).decode())
                exchange.respond(202, ())
            case b"GET", b"/environments":
                exchange.respond(200, (), msgspec.json.encode(await self._environments.census.reports()))
            case ((b"POST" | b"DELETE"), b"/templates"):
                await self._tell_of_template(exchange)
            case b"GET", b"/pools":
                exchange.respond(200, (), msgspec.json.encode(self._environments.pool_levels()))
            case b"GET", b"/environments/changes":
                await self._changes(exchange)
            case b"GET", b"/health":
                exchange.respond(503 if self._driver.lost.is_set() or self.is_draining else 200, ())
            case b"GET", target if target.startswith(_ENVIRONMENTS) and target.endswith(_SETTLED):
                await self._settle(exchange)
            case b"DELETE", target if target.startswith(_ENVIRONMENTS):
                self._retire(target[len(_ENVIRONMENTS) :])
                exchange.respond(202, ())
            case _:
                exchange.respond(404, ())

    async def _tell_of_template(self, exchange: Exchange) -> None:
        key = msgspec.json.decode(await exchange.read(65536), type=StartEnvironment).version
        if exchange.method == b"POST":
            self._environments.want_template(key)
        else:
            self._environments.forget_template(key)
        exchange.respond(202, ())

    async def _start(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await exchange.read(65536), type=StartEnvironment)
        if self.is_draining:
            exchange.respond(503, (), msgspec.json.encode(NotStarted(message="the worker is draining")))
            return
        try:
            started = await self._environments.start(request)
        except (IngleError, OSError, msgspec.ValidationError) as error:  # the host may be short of something, too
            _log.warning("environment.refused", function=request.version.function, reason=str(error))
            code = error.code if isinstance(error, RestoreFailedError | RuntimeMissingError) else ""
            exchange.respond(503, (), msgspec.json.encode(NotStarted(message=str(error), code=code)))
            return
        if exchange.is_disconnected:  # the gateway that asked is gone, and its successor knows nothing of this one
            self._retire(started.environment_id.encode())
        exchange.respond(201, (), msgspec.json.encode(started))

    async def _settle(self, exchange: Exchange) -> None:
        """Answer once an environment can serve again; 410 where it never will."""
        environment = self._environments.find(exchange.target[len(_ENVIRONMENTS) : -len(_SETTLED)])
        can_serve = environment is not None and await environment.wait_until_settled()
        exchange.respond(204 if can_serve else 410, ())

    def _retire(self, identifier: bytes) -> None:
        environment = self._environments.find(identifier)
        if environment is not None:
            environment.retire()

    async def _changes(self, exchange: Exchange) -> None:
        listening = asyncio.current_task()
        assert listening is not None
        exchange.on_disconnect(lambda: _cancel(listening))  # who is gone takes no change away from its successor
        exchange.start(200, ())
        await exchange.write(b'{"event":"hello"}\n')
        while not exchange.is_disconnected:
            change = await self._environments.changes.get()
            await exchange.write(msgspec.json.encode(change) + b"\n")


def _cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()
