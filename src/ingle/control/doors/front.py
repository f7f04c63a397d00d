"""The public API: authenticate, authorize, validate, act."""

import asyncio
import dataclasses
import hashlib
from typing import Any

import structlog

from ingle.control.api.call_rate import CallRate
from ingle.control.api.errors import to_aws
from ingle.control.api.event_streams import EventStream
from ingle.control.api.request import Handler, Request
from ingle.control.code.downloads import PREFIX, Downloads
from ingle.control.identity.identities import Identities, Identity
from ingle.control.identity.role_sessions import SessionExpiredError
from ingle.control.services import sts
from ingle.iam import Principal
from ingle.protocol import (
    AwsError,
    Operation,
    ServiceModel,
    caller_of,
    json_rpc,
    load_service,
    not_implemented,
    rest_json,
    service_name,
    sigv4,
)
from ingle.transport import (
    BodyTooLargeError,
    DisconnectedError,
    Exchange,
    Holding,
    Intake,
    IntakeFullError,
    physical_memory_bytes,
)
from ingle.values import MIB, Clock, IngleError, new_request_id

_log = structlog.get_logger("ingle.control")
CREATE_LIMIT_BYTES = 70_167_211
_OTHER_LIMIT_BYTES = 6 * MIB
_LARGE_BYTES = MIB
"""What is larger is hashed and parsed on a thread: 50 MB of code take as long as a hundred other requests."""
_SIBLINGS = {"lambda": ("lambda-core", "lambda-microvms", "lambda-web")}
"""Further models on the same host, under the same signing name; Ingle has none of their operations."""
_SERVED = "It serves AWS Lambda (lambda), CloudWatch Logs (logs), and GetCallerIdentity of STS (sts)."
_LARGE = ("CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")


def intake_limit_bytes() -> int:
    """Return what all requests together may hold: a sixteenth of the machine's memory, at least four large uploads."""
    return max(4 * CREATE_LIMIT_BYTES, physical_memory_bytes() // 16)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What the head of a request says."""

    exchange: Exchange
    signed: sigv4.SignedRequest
    key: bytes = dataclasses.field(repr=False)
    principal: Principal
    model: ServiceModel
    operation: Operation
    labels: dict[str, str]

    @property
    def action(self) -> str:
        """The operation, as policies name it."""
        return f"{self.signed.service}:{self.operation.name}"

    def verify(self, payload_hash: str) -> None:
        """Raises AwsError where the signature is another."""
        sent = self.exchange
        sigv4.verify(self.signed, self.key, sent.method, sent.target, sent.headers, payload_hash)


class Front:
    """The handler of control's public socket."""

    def __init__(
        self,
        account: str,
        identities: Identities,
        clock: Clock,
        handlers: dict[str, dict[str, Handler]],
        downloads: Downloads,
        https_port: int | None,
        rate: CallRate | None,
        intake: Intake,
    ) -> None:
        self._account = account
        self._identities = identities
        self._clock = clock
        self._downloads = downloads
        self._https_port = https_port
        self._rate = rate
        self._intake = intake
        self._handlers = handlers
        self._models: dict[str, ServiceModel] = {name: load_service(name) for name in handlers}

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.target.startswith(PREFIX):
            await self._downloads.serve(exchange)
            return
        request_id = new_request_id()
        try:
            answer = await self._answer(exchange, request_id)
            if isinstance(answer, EventStream):
                await answer.send(exchange, (b"x-amzn-requestid", request_id.encode()))
                return
            status, headers, body = answer
        except AwsError as error:
            status, headers, body = caller_of(exchange.target, exchange.headers).render(error, request_id)
        except DisconnectedError:
            return
        except Exception:
            _log.exception("request.failed", target=exchange.target.partition(b"?")[0].decode("latin-1"))
            failure = AwsError("ServiceException", "An error occurred and the request cannot be processed.")
            status, headers, body = caller_of(exchange.target, exchange.headers).render(failure, request_id)
        exchange.respond(status, [*headers, (b"x-amzn-requestid", request_id.encode())], body)

    async def _answer(self, exchange: Exchange, request_id: str) -> rest_json.Answer | EventStream:
        signed = sigv4.parse_authorization(exchange.target, exchange.headers)
        identity = self._whose(signed)
        sigv4.check_time(signed, self._clock.now_ms())
        sigv4.check_scope(signed, signed.service)
        if signed.service not in (*self._models, "sts"):
            raise _not_served(signed.service)
        sigv4.check_path(exchange.target)
        key = sigv4.derive_signing_key(identity.secret_access_key, signed.date, signed.region, signed.service)
        if signed.service == "sts":
            return await self._tell_identity(exchange, signed, key, identity.principal, request_id)
        model = self._models[signed.service]
        operation, labels = _match(model, exchange)
        call = _Call(
            exchange=exchange,
            signed=signed,
            key=key,
            principal=identity.principal,
            model=model,
            operation=operation,
            labels=labels,
        )
        if exchange.body_nowait is None:
            self._check_head(call)
        with self._intake.hold(identity.principal.arn) as holding:
            limit_bytes = CREATE_LIMIT_BYTES if operation.name in _LARGE else _OTHER_LIMIT_BYTES
            return await self._serve(call, await _read(exchange, operation.name, limit_bytes, holding))

    async def _tell_identity(
        self, exchange: Exchange, signed: sigv4.SignedRequest, key: bytes, principal: Principal, request_id: str
    ) -> rest_json.Answer:
        with self._intake.hold(principal.arn) as holding:
            body = await _read(exchange, "GetCallerIdentity", sts.BODY_LIMIT_BYTES, holding)
        payload_hash = sigv4.payload_sha256(signed, exchange.headers, hashlib.sha256(body).hexdigest())
        sigv4.verify(signed, key, exchange.method, exchange.target, exchange.headers, payload_hash)
        return sts.answer(sts.read_action(exchange.target, body), principal, request_id)

    def _check_head(self, call: _Call) -> None:
        """Refuse what can be refused before a body has come that is not here yet. Raises AwsError."""
        claimed = sigv4.claimed_sha256(call.exchange.headers)
        if claimed is not None:
            call.verify(claimed)
        authorize(call.principal, self._account, call.action)

    async def _serve(self, call: _Call, body: bytes) -> rest_json.Answer | EventStream:
        exchange, operation, region = call.exchange, call.operation, call.signed.region
        digest = hashlib.sha256(body) if len(body) <= _LARGE_BYTES else await asyncio.to_thread(hashlib.sha256, body)
        call.verify(sigv4.payload_sha256(call.signed, exchange.headers, digest.hexdigest()))
        authorize(call.principal, self._account, call.action)
        handler = self._handlers.get(operation.service, {}).get(operation.name)
        if handler is None:
            raise not_implemented(operation.service, operation.name)
        if self._rate is not None and operation.service == "lambda":
            self._rate.take(self._account, region, operation.name, self._clock.monotonic_ns() / 1e9)
        wishes = await _parse(call.model, operation, call.labels, exchange, body)
        request = Request(
            principal=call.principal,
            action=call.action,
            account=self._account,
            region=region,
            input=wishes,
            endpoint=_endpoint(exchange, self._https_port),
        )
        return await _act(call.model, operation, handler, request)

    def _whose(self, signed: sigv4.SignedRequest) -> Identity:
        try:
            found = self._identities.find(signed.access_key_id, signed.session_token)
        except SessionExpiredError:
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired") from None
        if found is None:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
        return found


def _not_served(service: str) -> AwsError:
    """Return the answer to every call of a service that Ingle does not have."""
    name = service_name(service)
    lacks = f"Ingle does not have {name} ({service})." if name else f"Ingle knows no service {service!r}."
    return AwsError("NotImplemented", f"{lacks} {_SERVED}", status=501)


def _endpoint(exchange: Exchange, https_port: int | None) -> str:
    host = (exchange.header(b"host") or b"").decode("latin-1")
    is_https = https_port is not None and (host.endswith(f":{https_port}") or (https_port == 443 and ":" not in host))
    return f"{'https' if is_https else 'http'}://{host}"


def authorize(principal: Principal, account: str, action: str) -> None:
    """Allow the root of the account everything, everybody else nothing. Raises AwsError AccessDeniedException."""
    if not principal.is_root or principal.account != account:
        raise AwsError("AccessDeniedException", f"User: {principal.arn} is not authorized to perform: {action}")


def _match(model: ServiceModel, exchange: Exchange) -> tuple[Operation, dict[str, str]]:
    target = exchange.header(b"x-amz-target")
    if model.target_prefix:
        return json_rpc.match_target(model, target or b""), {}
    path, _, query = exchange.target.decode("latin-1").partition("?")
    for each in (model, *map(load_service, _SIBLINGS.get(model.service, ()))):
        found = each.match(exchange.method.decode("latin-1"), path, query)
        if found is not None:
            return found
    raise AwsError("UnknownOperationException", "The requested operation is not known to the service.")


async def _read(exchange: Exchange, operation: str, limit_bytes: int, holding: Holding) -> bytes:
    try:
        return await holding.read(exchange, limit_bytes)
    except IntakeFullError:
        raise AwsError("ServiceUnavailableException", "Too many requests are on their way; try again.") from None
    except BodyTooLargeError:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit_bytes} bytes for the {operation} operation",
        ) from None


async def _parse(
    model: ServiceModel, operation: Operation, labels: dict[str, str], exchange: Exchange, body: bytes
) -> dict[str, Any]:
    if model.target_prefix:
        return json_rpc.parse_request(model, operation, body)
    query = exchange.target.decode("latin-1").partition("?")[2]
    arguments = (model, operation, labels, query, exchange.headers, body)
    if len(body) > _LARGE_BYTES:
        return await asyncio.to_thread(rest_json.parse_request, *arguments)
    return rest_json.parse_request(*arguments)


async def _act(
    model: ServiceModel, operation: Operation, handler: Handler, request: Request
) -> rest_json.Answer | EventStream:
    try:
        answered = await handler(request)
    except IngleError as error:
        raise to_aws(error) from None
    if answered.events is not None:
        return EventStream(model, operation, answered.events)
    if model.target_prefix:
        return json_rpc.serialize(model, operation, answered.result)
    return rest_json.serialize(model, operation, answered.result, status=answered.status)
