"""Function URLs: requests whose host is `<url-id>.lambda-url.<region>.<domain>` (execution reference, section 10)."""

import dataclasses
import random
from collections.abc import Sequence
from functools import partial

import msgspec

from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.decision_cache import authorize
from ingle.gateway.callers.intake import read_payload, request_too_large
from ingle.gateway.fleet.admission import FunctionKey
from ingle.gateway.invocations.invoke import Invoker, trace_of
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls import cors
from ingle.gateway.urls.event import Signer, UrlRequest, render_event
from ingle.gateway.urls.index import UrlIndex
from ingle.gateway.urls.paths import is_navigation, sandboxed, split_target
from ingle.gateway.urls.reply import BufferedReply, Shaper, StreamedReply
from ingle.links.gateway_worker import Invocation
from ingle.protocol import AwsError, rest_json, sigv4
from ingle.routing import UrlRoute
from ingle.transport import Exchange, Intake
from ingle.values import PAYLOAD_LIMIT_BYTES, Clock, FunctionArn, new_request_id

_HELP = "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
_FORBIDDEN = f"Forbidden. For troubleshooting Function URL authorization issues, see: {_HELP}"
_REFUSED = frozenset({"AccessDeniedException", "MissingAuthenticationTokenException", "ResourceNotFoundException"})
"""What nobody learns more of than that it is forbidden."""
_JSON = (b"content-type", b"application/json")


class Urls:
    """The handler of requests to function URLs."""

    def __init__(
        self,
        index: UrlIndex,
        invoker: Invoker,
        authenticator: Authenticator,
        metrics: Metrics,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._index = index
        self._invoker = invoker
        self._authenticator = authenticator
        self._metrics = metrics
        self._intake = intake
        self._clock = clock

    def is_asked(self, exchange: Exchange) -> bool:
        """Say whether a request is one to a function URL."""
        return self._index.is_url(exchange.header(b"host"))

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request for which `is_asked` holds."""
        host, _, port = (exchange.header(b"host") or b"").decode("latin-1").lower().partition(":")
        found = self._index.find(host) if port.isdecimal() or not port else None
        if found is None:
            _respond(exchange, _refusal(None), list)
            return
        await self._answer(exchange, found, Asked(host=host, port=port, target=exchange.target), list)

    async def answer_by_path(self, exchange: Exchange) -> None:
        """Answer a request whose path names a function URL by its id."""
        url_id, target = split_target(exchange.target)
        found = self._index.find_id(url_id)
        if found is None:
            _respond(exchange, _refusal(None), sandboxed)
            return
        host = self._index.host_of(*found)
        port = (exchange.header(b"host") or b"").decode("latin-1").rpartition(":")[2]
        port = port if port.isdecimal() else ""
        if is_navigation(exchange.headers):
            scheme, shown = "https" if exchange.tls else "http", f":{port}" if port else ""
            exchange.respond(307, [(b"location", f"{scheme}://{host}{shown}".encode() + target), _request_id()])
            return
        await self._answer(exchange, found, Asked(host=host, port=port, target=target, is_by_path=True), sandboxed)

    async def _answer(
        self, exchange: Exchange, found: tuple[FunctionKey, UrlRoute], asked: "Asked", shape: Shaper
    ) -> None:
        function, url = found
        if url.cors is not None:
            shape = partial(_shape_both, shape, partial(cors.apply, url.cors, exchange.header(b"origin")))
        if url.cors is not None and exchange.method == b"OPTIONS":
            self._count(function, 200)
            exchange.respond(200, [*cors.preflight_headers(url.cors, exchange.header(b"origin")), _request_id()])
            return
        try:
            await self._serve(exchange, function, url, asked, shape)
        except AwsError as error:
            self._count(function, error.status)
            self._metrics.refused(error)
            if exchange.answered:
                exchange.abort()
            else:
                refusal = _refusal(_FORBIDDEN) if error.code in _REFUSED else rest_json.render_error(error)
                _respond(exchange, refusal, shape)

    async def _serve(
        self, exchange: Exchange, function: FunctionKey, url: UrlRoute, asked: "Asked", shape: Shaper
    ) -> None:
        """Have a request served. Raises AwsError."""
        account, region, name = function
        arn = FunctionArn(account=account, region=region, name=name, qualifier=url.qualifier)
        if url.auth_type == "NONE" and not url.is_public:
            raise AwsError("AccessDeniedException", _FORBIDDEN)
        if url.auth_type != "NONE":
            asked = _as_signed(exchange, asked, url)
            if exchange.body_nowait is None:
                key, _ = await self._authenticator.recognise(exchange)
                authorize(key.principal, "lambda:InvokeFunctionUrl", arn.account, str(arn))
        with self._intake.hold(str(arn.qualified(None))) as holding:
            await self._run(exchange, await read_payload(exchange, holding), arn, url, asked, shape)

    async def _run(
        self,
        exchange: Exchange,
        body: bytes,
        arn: FunctionArn,
        url: UrlRoute,
        asked: "Asked",
        shape: Shaper,
    ) -> None:
        signer = await self._check_signer(exchange, body, arn) if url.auth_type != "NONE" else None
        request_id, trace = new_request_id(), trace_of(exchange)
        tls = exchange.tls
        request = UrlRequest(
            url_id=url.url_id,
            domain=asked.host,
            port=asked.port or ("443" if tls else "80"),
            method=exchange.method.decode(),
            target=asked.target,
            headers=exchange.headers,
            body=body,
            source_ip=exchange.peer.rpartition(":")[0],
            tls=tls,
            request_id=request_id,
            trace_id=trace.decode("latin-1"),
            now_ms=self._clock.now_ms(),
            signer=signer,
        )
        event = render_event(request)
        if len(event) > PAYLOAD_LIMIT_BYTES:
            raise request_too_large()
        draw = random.random()  # noqa: S311 - it divides invocations between versions, and hides nothing
        is_streamed = url.invoke_mode == "RESPONSE_STREAM"
        reply = (StreamedReply if is_streamed else BufferedReply)(
            exchange, shape, partial(self._count, (arn.account, arn.region, arn.name))
        )
        invocation = Invocation(
            request_id=request_id.encode(), arn=str(arn).encode(), trace=trace, payload=event, wants_stream=is_streamed
        )
        await self._invoker.run(arn, draw, invocation, reply)

    async def _check_signer(self, exchange: Exchange, body: bytes, arn: FunctionArn) -> Signer:
        principal, signed = await self._authenticator.authenticate(exchange, body)
        if signed.region != arn.region:
            raise AwsError("InvalidSignatureException", "Credential should be scoped to a valid region.")
        authorize(principal, "lambda:InvokeFunctionUrl", arn.account, str(arn))
        return Signer(principal=principal, access_key_id=signed.access_key_id)

    def _count(self, function: FunctionKey, status: int) -> None:
        self._metrics.of(function[1], function[2]).url_answers[status // 100] += 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request names: the URL's host, the port, and a target within the URL."""

    host: str
    port: str
    target: bytes
    is_by_path: bool = False


def _shape_both(first: Shaper, second: Shaper, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return second(first(headers))


def _as_signed(exchange: Exchange, asked: "Asked", url: UrlRoute) -> "Asked":
    """Have a request read as its signature reads it, and return what is asked then. Raises AwsError."""
    exchange.target = target = sigv4.as_signed(exchange.target)
    if asked.is_by_path:
        url_id, target = split_target(target)
        if url_id != url.url_id:  # another URL's signature
            raise AwsError("AccessDeniedException", _FORBIDDEN)
    return dataclasses.replace(asked, target=target)


def _request_id() -> tuple[bytes, bytes]:
    return b"x-amzn-requestid", new_request_id().encode()


def _refusal(message: str | None) -> rest_json.Answer:
    """Return an answer of 403; to an id that nobody has, or no longer, it has no message."""
    headers = [_JSON, (b"x-amzn-errortype", b"AccessDeniedException")]
    return 403, headers, msgspec.json.encode({"Message": message})


def _respond(exchange: Exchange, answer: rest_json.Answer, shape: Shaper) -> None:
    status, headers, body = answer
    exchange.respond(status, [*shape(headers), _request_id()], body)
