"""The gateway's end over HTTP."""

from collections.abc import AsyncIterator

import msgspec

from ingle.environments import VersionKey
from ingle.links.gateway_worker import wire
from ingle.links.gateway_worker.calls import CannotServeError, StartRefusedError
from ingle.links.gateway_worker.messages import (
    IDLE,
    Change,
    Ending,
    EnvironmentReport,
    EnvironmentStarted,
    Fate,
    NotStarted,
    PoolLevel,
    StartEnvironment,
)
from ingle.links.gateway_worker.wire import CONTENT_TYPE, FATE, FATES, FUNCTION_ERROR, LOG_RESULT
from ingle.links.invocation import Invocation, render_invocation
from ingle.links.link import LinkClient, LinkRefusedError
from ingle.transport import ClientResponse
from ingle.values import MIB

_REPORTS_LIMIT_BYTES = 16 * MIB


class HttpAnswer:
    """An answer whose head has arrived."""

    __slots__ = ("_response", "content_type", "fate", "function_error", "log_result")

    def __init__(self, response: ClientResponse) -> None:
        self._response = response
        self.content_type = self.function_error = self.log_result = b""
        self.fate: Fate = IDLE
        for name, value in response.headers:
            if name == CONTENT_TYPE:
                self.content_type = value
            elif name == FATE:
                self.fate = FATES[value]
            elif name == FUNCTION_ERROR:
                self.function_error = value
            elif name == LOG_RESULT:
                self.log_result = value

    @property
    def body_nowait(self) -> bytes | None:
        """The whole body where it has arrived already, else None."""
        return self._response.body.whole

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises DisconnectedError if it breaks off."""
        return self._response.body.chunks()

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError, or DisconnectedError if it breaks off."""
        return await self._response.body.read(limit)

    @property
    def is_whole(self) -> bool:
        """Whether the body has come to its end, read or not."""
        return self._response.body.ended and self._response.body.failure is None

    @property
    def ending(self) -> Ending:
        """How the invocation ended; only where `is_whole`."""
        return wire.parse_ending(self._response.trailers, self.fate, self.log_result)

    def close(self) -> None:
        """Give up an answer that is not read to its end; its connection is closed."""
        self._response.close()


class WorkerClient(LinkClient):
    """One worker; it implements `Worker`, where the calls are described."""

    async def invoke(self, identifier: bytes, invocation: Invocation) -> HttpAnswer:
        """Have an environment serve. Raises CannotServeError."""
        response = await self._http.post(wire.INVOKE + identifier, render_invocation(invocation), invocation.payload)
        if response.status != 200:
            raise CannotServeError(f"the environment can't serve: the worker has answered {response.status}")
        return HttpAnswer(response)

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment. Raises StartRefusedError."""
        response = await self._http.request(b"POST", wire.START, (), msgspec.json.encode(wanted))
        body = await response.read(MIB)
        if response.status == 503:
            told = msgspec.json.decode(body, type=NotStarted)
            raise StartRefusedError(told.message, told.code)
        if response.status != 200:
            raise LinkRefusedError(response.status)
        return msgspec.json.decode(body, type=EnvironmentStarted)

    async def settle(self, identifier: bytes) -> bool:
        """Wait until an environment can serve again."""
        return msgspec.json.decode(await self._ask(wire.SETTLE, identifier), type=bool)

    async def end(self, identifier: bytes) -> None:
        """Have an environment end."""
        await self._ask(wire.END, identifier)

    async def reset(self) -> None:
        """End all that there is."""
        await self._ask(wire.RESET)

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime."""
        await self._ask(wire.PREPARE, runtime.encode())

    async def want_template(self, version: VersionKey) -> None:
        """Hold a version's template."""
        await self._ask(wire.WANT_TEMPLATE, msgspec.json.encode(version))

    async def forget_template(self, version: VersionKey) -> None:
        """Hold a version's template no more."""
        await self._ask(wire.FORGET_TEMPLATE, msgspec.json.encode(version))

    async def report_environments(self) -> list[EnvironmentReport]:
        """Return a report of each environment."""
        told = await self._ask(wire.REPORT_ENVIRONMENTS, limit_bytes=_REPORTS_LIMIT_BYTES)
        return msgspec.json.decode(told, type=list[EnvironmentReport])

    async def report_pools(self) -> list[PoolLevel]:
        """Return the levels of the blank environments."""
        return msgspec.json.decode(await self._ask(wire.REPORT_POOLS), type=list[PoolLevel])

    async def is_ready(self) -> bool:
        """Return whether the worker can start environments."""
        return msgspec.json.decode(await self._ask(wire.IS_READY), type=bool)

    async def changes(self) -> AsyncIterator[Change]:
        """Tell of what happens by itself; each change is a line."""
        response = await self._http.request(b"POST", wire.CHANGES)
        try:
            if response.status != 200:
                raise LinkRefusedError(response.status)
            pending = b""
            async for piece in response.chunks():
                *lines, pending = (pending + piece).split(b"\n")
                for line in lines:
                    yield msgspec.json.decode(line, type=Change)
        finally:
            response.close()
