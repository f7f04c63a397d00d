"""The public API: authenticate, authorize, validate, act."""

import asyncio
import hashlib
from typing import Any

import structlog

from ingle.control.call_rate import CallRate
from ingle.control.downloads import PREFIX, Downloads
from ingle.control.errors import to_aws
from ingle.control.identities import Identities, Identity
from ingle.control.request import Handler, Request
from ingle.control.role_sessions import SessionExpiredError
from ingle.environments import Principal
from ingle.protocol import AwsError, Operation, ServiceModel, json_rpc, load_service, not_implemented, rest_json, sigv4
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.values import MIB, Clock, IngleError, new_request_id

_log = structlog.get_logger("ingle.control")
CREATE_LIMIT_BYTES = 70_167_211
_OTHER_LIMIT_BYTES = 6 * MIB
_LARGE_BYTES = MIB
"""What is larger is hashed and parsed on a thread: 50 MB of code take as long as a hundred other requests."""
_SIBLINGS = {"lambda": ("lambda-core", "lambda-microvms", "lambda-web")}
"""Further models on the same host, under the same signing name; Ingle has none of their operations."""
_LARGE = ("CreateFunction", "UpdateFunctionCode", "PublishLayerVersion")


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
    ) -> None:
        self._account = account
        self._identities = identities
        self._clock = clock
        self._downloads = downloads
        self._https_port = https_port
        self._rate = rate
        self._handlers = handlers
        self._models: dict[str, ServiceModel] = {name: load_service(name) for name in handlers}

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.target.startswith(PREFIX):
            await self._downloads.serve(exchange)
            return
        request_id = (b"x-amzn-requestid", new_request_id().encode())
        is_rpc = exchange.header(b"x-amz-target") is not None
        try:
            status, headers, body = await self._answer(exchange)
        except AwsError as error:
            status, headers, body = (json_rpc if is_rpc else rest_json).render_error(error)
        except DisconnectedError:
            return
        except Exception:
            _log.exception("request.failed", target=exchange.target.partition(b"?")[0].decode("latin-1"))
            failure = AwsError("ServiceException", "An error occurred and the request cannot be processed.")
            status, headers, body = (json_rpc if is_rpc else rest_json).render_error(failure)
        exchange.respond(status, [*headers, request_id], body)

    async def _answer(self, exchange: Exchange) -> rest_json.Answer:
        sigv4.check_path(exchange.target)
        signed = sigv4.parse_authorization(exchange.target, exchange.headers)
        identity = self._whose(signed)
        sigv4.check_time(signed, self._clock.now_ms())
        if signed.service not in self._models:
            known = "', '".join(self._models)
            raise AwsError("InvalidSignatureException", f"Credential should be scoped to correct service: '{known}'. ")
        sigv4.check_scope(signed, signed.service)
        model = self._models[signed.service]
        operation, labels = _match(model, exchange)
        body = await _read(exchange, operation)
        digest = hashlib.sha256(body) if len(body) <= _LARGE_BYTES else await asyncio.to_thread(hashlib.sha256, body)
        payload_hash = sigv4.payload_sha256(signed, exchange.headers, digest.hexdigest())
        key = sigv4.derive_signing_key(identity.secret_access_key, signed.date, signed.region, signed.service)
        sigv4.verify(signed, key, exchange.method, exchange.target, exchange.headers, payload_hash)
        action = f"{signed.service}:{operation.name}"
        authorize(identity.principal, self._account, action)
        handler = self._handlers.get(operation.service, {}).get(operation.name)
        if handler is None:
            raise not_implemented(operation.service, operation.name)
        if self._rate is not None and operation.service == "lambda":
            self._rate.take(self._account, signed.region, operation.name, self._clock.monotonic_ns() / 1e9)
        wishes = await _parse(model, operation, labels, exchange, body)
        request = Request(
            principal=identity.principal,
            action=action,
            account=self._account,
            region=signed.region,
            input=wishes,
            endpoint=_endpoint(exchange, self._https_port),
        )
        return await _act(model, operation, handler, request)

    def _whose(self, signed: sigv4.SignedRequest) -> Identity:
        try:
            found = self._identities.find(signed.access_key_id, signed.session_token)
        except SessionExpiredError:
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired") from None
        if found is None:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
        return found


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


async def _read(exchange: Exchange, operation: Operation) -> bytes:
    limit = CREATE_LIMIT_BYTES if operation.name in _LARGE else _OTHER_LIMIT_BYTES
    try:
        return await exchange.read(limit)
    except BodyTooLargeError:
        raise AwsError(
            "RequestEntityTooLargeException",
            f"Request must be smaller than {limit} bytes for the {operation.name} operation",
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


async def _act(model: ServiceModel, operation: Operation, handler: Handler, request: Request) -> rest_json.Answer:
    try:
        answered = await handler(request)
    except IngleError as error:
        raise to_aws(error) from None
    if model.target_prefix:
        return json_rpc.serialize(model, operation, answered.result)
    return rest_json.serialize(model, operation, answered.result, status=answered.status)
