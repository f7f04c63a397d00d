"""How an invocation by a function URL is answered: by what the function's answer means."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

from ingle.gateway.urls.response import (
    PRELUDE_END,
    PRELUDE_LIMIT_BYTES,
    PRELUDE_TYPE,
    MalformedAnswerError,
    UrlResponse,
    interpret,
    interpret_prelude,
)
from ingle.links.gateway_worker import Answer
from ingle.transport import DisconnectedError, Exchange, Headers
from ingle.values import RESPONSE_LIMIT_BYTES

Header = tuple[bytes, bytes]
Shaper = Callable[[Sequence[Header]], list[Header]]
"""Gives the headers of an answer those of CORS."""
_PASSED_ON = (b"x-amzn-requestid", b"x-amzn-trace-id")
_FAILED = UrlResponse(status=502, headers=[(b"content-type", b"application/json")], body=b"Internal Server Error")
_WITHOUT_BODY = (204, 304)


class _UrlReply:
    def __init__(self, exchange: Exchange, shape: Shaper, count: Callable[[int], None]) -> None:
        self._exchange = exchange
        self._shape = shape
        self._count = count

    def _send(self, response: UrlResponse, told: Headers) -> None:
        self._count(response.status)
        body = b"" if response.status in _WITHOUT_BODY else response.body
        self._exchange.respond(response.status, self._head(response, told), body)

    def _head(self, response: UrlResponse, told: Headers) -> list[Header]:
        return [*self._shape(response.headers), *(pair for pair in told if pair[0] in _PASSED_ON)]


class BufferedReply(_UrlReply):
    """Of the mode BUFFERED: once the answer is whole."""

    is_streaming = False

    def respond(self, headers: Headers, body: bytes) -> None:
        response = _FAILED
        if not _has_failed(headers):
            with contextlib.suppress(MalformedAnswerError):
                response = interpret(body)
        self._send(response, headers)

    async def relay(self, answer: Answer, headers: Headers) -> None:
        try:
            body = await answer.read(RESPONSE_LIMIT_BYTES)
        except DisconnectedError:
            self._send(_FAILED, headers)
        else:
            self.respond(headers, body)
        finally:
            answer.close()


class StreamedReply(_UrlReply):
    """Of the mode RESPONSE_STREAM: as the function writes. What comes when the caller has gone is read and dropped."""

    is_streaming = True

    def respond(self, headers: Headers, body: bytes) -> None:
        raise RuntimeError("a stream is relayed")

    async def relay(self, answer: Answer, headers: Headers) -> None:
        pieces = answer.chunks()
        try:
            response = await self._begin(answer, pieces)
        except (MalformedAnswerError, DisconnectedError):
            response = _FAILED
        try:
            if response is _FAILED or response.status in _WITHOUT_BODY:
                await _drop(pieces)
                self._send(response, headers)
            else:
                await self._pass_on(response, answer, pieces, headers)
        finally:
            answer.close()

    async def _begin(self, answer: Answer, pieces: AsyncIterator[bytes]) -> UrlResponse:
        """Return the head of the response, and what came of the body with it."""
        kind = answer.content_type or b"application/octet-stream"
        if answer.function_error:
            return _FAILED
        if kind.partition(b";")[0].strip().lower() != PRELUDE_TYPE:
            first = await anext(pieces, b"")
            if not first and answer.ending.error_code:
                return _FAILED  # AWS's client for Node.js tells in this way of what fails at once
            return UrlResponse(status=200, headers=[(b"content-type", kind)], body=first)
        held = b""
        async for piece in pieces:
            held += piece
            prelude, end, rest = held.partition(PRELUDE_END)
            if end:
                head = interpret_prelude(prelude)
                return UrlResponse(status=head.status, headers=head.headers, body=rest)
            if len(held) > PRELUDE_LIMIT_BYTES:
                break
        raise MalformedAnswerError("the prelude has no end")

    async def _pass_on(
        self, response: UrlResponse, answer: Answer, pieces: AsyncIterator[bytes], headers: Headers
    ) -> None:
        self._count(response.status)
        self._exchange.start(response.status, self._head(response, headers))
        try:
            await self._write(response.body)
            async for piece in pieces:
                await self._write(piece)
        except DisconnectedError:
            self._exchange.abort()
            return
        if answer.ending.error_code:
            self._exchange.abort()  # nothing else tells the caller that something is missing
        else:
            self._exchange.finish()

    async def _write(self, data: bytes) -> None:
        with contextlib.suppress(DisconnectedError):
            if data and not self._exchange.is_disconnected:
                await self._exchange.write(data)


def _has_failed(headers: Headers) -> bool:
    return any(name == b"x-amz-function-error" for name, _ in headers)


async def _drop(pieces: AsyncIterator[bytes]) -> None:
    with contextlib.suppress(DisconnectedError):
        async for _ in pieces:
            pass
