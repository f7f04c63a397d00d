"""One port for every AWS API: invocations are served here, all else goes on to control as it came."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from ingle.gateway.answers.relay import relay
from ingle.gateway.doors.health import Health
from ingle.gateway.doors.observation import PATHS, Observation
from ingle.gateway.doors.rehearsals import Rehearsals, is_rehearsal
from ingle.gateway.doors.welcome import answer_visit, is_visit
from ingle.gateway.invocations.invoke import Invoker, is_invocation
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls.paths import is_url_path
from ingle.gateway.urls.urls import Urls
from ingle.protocol import AwsError, caller_of, event_stream, rest_json
from ingle.transport import ClientResponse, DisconnectedError, Exchange, Headers, HttpClient
from ingle.values import IngleError, new_request_id

_HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"te", b"upgrade", b"expect", b"trailer"})
_log = structlog.get_logger("ingle.gateway")


def render_bad_request(status: int, reason: str) -> tuple[Headers, bytes]:
    """Render what the HTTP layer itself refuses in the shape that AWS clients read."""
    codes = {413: "RequestEntityTooLargeException", 500: "ServiceException"}
    error = AwsError(codes.get(status, "InvalidRequestException"), reason, status=status)
    _, headers, body = rest_json.render_error(error)
    return [*headers, (b"x-amzn-requestid", new_request_id().encode())], body


def answer_error(exchange: Exchange, error: AwsError) -> None:
    """Answer with an AWS error, unless an answer has begun."""
    if exchange.answered:
        exchange.abort()
        return
    status, headers, body = rest_json.render_error(error)
    exchange.respond(status, [*headers, (b"x-amzn-requestid", new_request_id().encode())], body)


def _answer_for_control(exchange: Exchange, message: str) -> None:
    """Say in the protocol of the caller's service that control can't be reached, unless an answer has begun."""
    error = AwsError("ServiceUnavailableException", message)
    if exchange.answered:
        exchange.abort()
        return
    request_id = new_request_id()
    status, headers, body = caller_of(exchange.target, exchange.headers).render(error, request_id)
    exchange.respond(status, [*headers, (b"x-amzn-requestid", request_id.encode())], body)


class FrontDoor:
    """The handler of the public port."""

    def __init__(
        self,
        invoker: Invoker,
        urls: Urls,
        metrics: Metrics,
        observation: Observation,
        health: Health,
        rehearsals: Rehearsals,
        control: HttpClient,
    ) -> None:
        self._invoker = invoker
        self._urls = urls
        self._metrics = metrics
        self._observation = observation
        self._health = health
        self._rehearsals = rehearsals
        self._control = control
        self._streaming: set[ClientResponse] = set()

    def __call__(self, exchange: Exchange) -> Any:
        if self._urls.is_asked(exchange):
            return self._urls.answer(exchange)
        if is_invocation(exchange):
            return self._invoke(exchange)
        if exchange.target == b"/health":
            return self._health.answer(exchange)
        if exchange.target in PATHS and exchange.method == b"GET":
            return self._answer(exchange, self._observation.answer)
        if is_url_path(exchange.target):
            return self._urls.answer_by_path(exchange)
        if is_rehearsal(exchange):
            return self._answer(exchange, self._rehearsals.answer)
        if is_visit(exchange):
            return answer_visit(exchange)
        return self._forward(exchange)

    async def _invoke(self, exchange: Exchange) -> None:
        try:
            await self._invoker.invoke(exchange)
        except AwsError as error:
            self._metrics.refused(error)
            answer_error(exchange, error)

    async def _answer(self, exchange: Exchange, answer: Callable[[Exchange], Awaitable[None]]) -> None:
        try:
            await answer(exchange)
        except AwsError as error:
            answer_error(exchange, error)

    async def _forward(self, exchange: Exchange) -> None:
        """Stream a request to control and its answer back, each held up by the slower side."""
        headers = [pair for pair in exchange.headers if pair[0] not in _HOP_BY_HOP]
        body: bytes | AsyncIterator[bytes] | None = exchange.body_nowait
        if body is None:
            body = exchange.chunks()
        else:
            headers = [pair for pair in headers if pair[0] != b"content-length"]
        try:
            answer = await self._control.request(exchange.method, exchange.target, headers, body, as_is=True)
        except DisconnectedError:
            if exchange.is_disconnected:
                return
            _answer_for_control(exchange, "The control plane went away; try again.")
            return
        except IngleError:
            _answer_for_control(exchange, "The control plane is starting; try again.")
            return
        passed = [pair for pair in answer.headers if pair[0] not in _HOP_BY_HOP]
        whole = answer.body_nowait
        if whole is not None:
            exchange.respond(answer.status, [pair for pair in passed if pair[0] != b"content-length"], whole)
            return
        exchange.on_disconnect(answer.close)  # a stream of events would go on to nobody for hours
        self._streaming.add(answer)
        try:
            await relay(answer, exchange, answer.status, passed)
        finally:
            self._streaming.discard(answer)

    def end_event_streams(self) -> None:
        """Cut the answers of control that have no end of their own: the gateway is about to end."""
        for answer in tuple(self._streaming):
            if answer.header(b"content-type") == event_stream.CONTENT_TYPE:
                answer.close()
