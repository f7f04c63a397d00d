"""Invoke and InvokeWithResponseStream: from a client's request to its function's answer."""

import asyncio
import base64
import binascii
import random
import re
import time
from urllib.parse import unquote

import msgspec

from ingle.environments import VersionKey
from ingle.gateway.answers import streaming
from ingle.gateway.answers.reply import EventReply, PlainReply, Reply
from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.decision_cache import authorize
from ingle.gateway.callers.intake import read_payload
from ingle.gateway.fleet.admission import Admission, FunctionKey, lacks_room
from ingle.gateway.fleet.assignment import Environment
from ingle.gateway.fleet.fleet import Fleet, NotStartedError
from ingle.gateway.invocations.events import Events
from ingle.gateway.invocations.naming import DURABLE_NAME, TENANT_ID, check_member, read_arn
from ingle.gateway.invocations.settling import Settling
from ingle.gateway.metrics import Metrics
from ingle.protocol import AwsError
from ingle.routing import FunctionRoute, UnknownVersionError, VersionRoute, resolve
from ingle.transport import ConnectionFailedError, DisconnectedError, Exchange, Intake
from ingle.values import (
    PAYLOAD_LIMIT_BYTES,
    FunctionArn,
    IngleError,
    new_request_id,
    new_trace_id,
)

_PREFIX = b"/2015-03-31/functions/"
_SUFFIX = b"/invocations"
_ASYNC_PREFIX = b"/2014-11-13/functions/"
_ASYNC_SUFFIX = b"/invoke-async"
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_CONTEXT_LIMIT = 3583
_TRACE = re.compile(rb"[\x20-\x7e]{1,1024}")
"""A trace id that is passed on. A longer header could be the one too much for the worker's limit, behind ours."""
TENANT = b"x-amz-tenant-id"
_PASSED_ON = (b"x-amz-function-error", b"x-amz-log-result", b"content-type")
_FATE = b"x-ingle-environment"
"""What becomes of an environment that has answered: it is `gone`, or still `settling`; else it is idle."""
_check_json = msgspec.json.Decoder().decode
_Routes = dict[tuple[str, str, str], FunctionRoute]
EventHeaders = list[tuple[bytes, bytes]]
STREAM = (b"x-ingle-stream", b"1")
"""Tells the worker to pass a streamed answer on as it comes."""


class _Undelivered(Exception):
    pass


def is_invocation(exchange: Exchange) -> bool:
    """Say whether a request is one that `Invoker` serves."""
    if exchange.method != b"POST":
        return False
    path = exchange.target.partition(b"?")[0]
    return (path.startswith(_PREFIX) and path.endswith(_SUFFIX)) or _wants_stream(exchange) or _is_invoke_async(path)


def _is_invoke_async(path: bytes) -> bool:
    return path.startswith(_ASYNC_PREFIX) and path.removesuffix(b"/").endswith(_ASYNC_SUFFIX)


def _wants_stream(exchange: Exchange) -> bool:
    path = exchange.target.partition(b"?")[0]
    return path.startswith(streaming.PREFIX) and path.endswith(streaming.SUFFIX)


def _named(path: bytes) -> str:
    """Return what stands for the function's name in the path of an invocation."""
    return unquote(path.removesuffix(b"/").split(b"/", 3)[3].rpartition(b"/")[0].decode("latin-1"))


class Invoker:
    """Serves POST /2015-03-31/functions/{name}/invocations, …/response-streaming-invocations of 2021-11-15 and the
    deprecated …/invoke-async of 2014-11-13.
    """

    def __init__(
        self,
        account: str,
        authenticator: Authenticator,
        admission: Admission,
        fleet: Fleet,
        metrics: Metrics,
        events: Events,
        intake: Intake,
    ) -> None:
        self._account = account
        self._authenticator = authenticator
        self._admission = admission
        self._fleet = fleet
        self._metrics = metrics
        self._events = events
        self._intake = intake
        self._settling = Settling()
        self.routes: _Routes = {}

    async def invoke(self, exchange: Exchange) -> None:
        """Answer a request for which `is_invocation` holds. Raises AwsError."""
        body = exchange.body_nowait
        if body is not None and len(body) <= PAYLOAD_LIMIT_BYTES:
            await self._invoke(exchange, body)
            return
        key, signed = await self._authenticator.recognise(exchange)
        path, _, query = exchange.target.partition(b"?")
        arn = read_arn(_named(path), query, signed.region, self._account)
        authorize(key.principal, "lambda:InvokeFunction", arn.account, str(arn))
        with self._intake.hold(key.principal.arn) as holding:
            await self._invoke(exchange, await read_payload(exchange, holding))

    async def _invoke(self, exchange: Exchange, body: bytes) -> None:
        principal, signed = await self._authenticator.authenticate(exchange, body)
        path, _, query = exchange.target.partition(b"?")
        arn = read_arn(_named(path), query, signed.region, self._account)
        authorize(principal, "lambda:InvokeFunction", arn.account, str(arn))
        draw = random.random()  # noqa: S311 - it divides invocations between versions, and hides nothing
        self._version(arn, draw)
        kind = _kind(exchange)
        payload = _check_payload(body)
        headers = _event_headers(exchange, arn)
        tenant = self._tenant(exchange, arn)
        if tenant:
            headers.insert(3, (TENANT, tenant.encode()))
        if kind == b"DryRun":
            exchange.respond(204, ((b"x-amzn-requestid", headers[0][1]),))
        elif kind == b"Event":
            if not await self._events.accept(headers[: 4 if tenant else 3], payload):
                raise _not_found(arn)
            exchange.respond(202, ((b"x-amzn-requestid", headers[0][1]), (b"x-amzn-trace-id", headers[2][1])))
        else:
            reply = EventReply(exchange) if _wants_stream(exchange) else PlainReply(exchange)
            await self.run(arn, draw, headers, payload, reply)

    async def run(self, arn: FunctionArn, draw: float, headers: EventHeaders, payload: bytes, reply: Reply) -> None:
        """Admit an invocation, have an environment serve it, and answer. Raises AwsError.

        `draw`, at random from [0, 1), decides which version of a weighted alias serves.
        """
        version = self._version(arn, draw).version
        function = (arn.account, arn.region, arn.name)
        try:
            self._admission.admit(function, version, time.monotonic())
        except AwsError as refusal:
            await self._admit_late(function, version, refusal)
        await self._run_admitted(arn, version, draw, headers, payload, reply)

    async def _admit_late(self, function: FunctionKey, version: str, refusal: AwsError) -> None:
        """Admit what was refused, as soon as an environment has settled that is about to. Raises AwsError."""
        if not lacks_room(refusal) or not await self._settling.wait(function):
            raise refusal
        self._admission.admit(function, version, time.monotonic())

    async def run_event(self, arn: FunctionArn, headers: EventHeaders, payload: bytes, reply: Reply) -> None:
        """Do as `run` does for a queued event. Raises AwsError."""
        draw = random.random()  # noqa: S311
        version = self._version(arn, draw).version
        self._admission.admit_event((arn.account, arn.region, arn.name), version)
        await self._run_admitted(arn, version, draw, headers, payload, reply)

    async def _run_admitted(
        self, arn: FunctionArn, version: str, draw: float, headers: EventHeaders, payload: bytes, reply: Reply
    ) -> None:
        began_ns = time.monotonic_ns()
        counted = self._metrics.of(arn.region, arn.name)
        try:
            await self._serve(reply, arn, draw, headers, payload)
        except AwsError as error:
            counted.service_errors += error.status >= 500
            raise
        finally:
            counted.invoke.observe_ns(time.monotonic_ns() - began_ns)
            self._admission.release((arn.account, arn.region, arn.name), version)

    def key_of(self, arn: FunctionArn) -> VersionKey:
        """Return what environments of a function are kept by. Raises AwsError where it has none, or one for each tenant."""
        version = self._version(arn, 0.0)
        if self.routes[arn.account, arn.region, arn.name].is_per_tenant:
            raise AwsError(
                "InvalidParameterValueException", "A function with tenant isolation starts for a tenant only."
            )
        return _key(arn, version, "")

    def _version(self, arn: FunctionArn, draw: float) -> VersionRoute:
        function = self.routes.get((arn.account, arn.region, arn.name))
        if function is None:
            raise _not_found(arn)
        try:
            version = resolve(function, arn.qualifier, draw)
        except UnknownVersionError:
            raise _not_found(arn) from None
        if version.state == "Pending" and version.has_template:
            raise AwsError(
                "SnapStartNotReadyException",
                "Lambda is initializing your function. It will be ready to invoke once your function state becomes ACTIVE.",
            )
        if version.state != "Active":
            raise AwsError(
                "ResourceConflictException",
                "The operation cannot be performed at this time. The function is currently in the following state: "
                + version.state,
            )
        return version

    def _tenant(self, exchange: Exchange, arn: FunctionArn) -> str:
        """Return the tenant, who must be named where the function has tenant isolation and nowhere else."""
        given = exchange.header(TENANT)
        tenant = check_member(TENANT_ID, given, "tenantId") if given is not None else ""
        if self.routes[arn.account, arn.region, arn.name].is_per_tenant:
            if given is None:
                raise AwsError(
                    "InvalidParameterValueException",
                    "The invoked function is enabled with tenancy configuration. Add a valid tenant ID in your request"
                    " and try again.",
                )
            return tenant
        if given is not None:
            raise AwsError(
                "InvalidParameterValueException",
                "The invoked function is not enabled with tenancy configuration. Remove the tenant ID from your request"
                " and try again.",
            )
        return ""

    async def _serve(self, reply: Reply, arn: FunctionArn, draw: float, headers: EventHeaders, payload: bytes) -> None:
        tenant = next((value.decode() for name, value in headers if name == TENANT), "")
        for pause_s in (*_PAUSES_S, None):
            key = _key(arn, self._version(arn, draw), tenant)
            try:
                environment = self._fleet.take_nowait(key) or await self._fleet.wait(key)
                await self._deliver(reply, environment, headers, payload)
            except _Undelivered:
                continue
            except NotStartedError:
                # The worker or its spawner may be coming back, or the revision has just been replaced.
                if pause_s is None:
                    raise
                if _key(arn, self._version(arn, draw), tenant) == key:
                    await asyncio.sleep(pause_s)
                continue
            return
        raise AwsError("ServiceException", "No environment of the function stayed long enough to serve.")

    async def _deliver(self, reply: Reply, environment: Environment, headers: EventHeaders, payload: bytes) -> None:
        try:
            answer = await environment.worker.request(b"POST", environment.path, headers, payload)
        except ConnectionFailedError:
            self._fleet.drop(environment)
            raise _Undelivered from None
        except DisconnectedError:
            self._fleet.discard(environment)
            raise AwsError("ServiceException", "The worker was lost while the function ran.") from None
        if answer.status != 200:
            self._fleet.discard(environment)
            raise _Undelivered
        made = [
            (b"x-amzn-requestid", headers[0][1]),
            (b"x-amz-executed-version", environment.key.version.encode()),
            (b"x-amzn-trace-id", headers[2][1]),
        ]
        fate = b""
        for pair in answer.headers:
            if pair[0] in _PASSED_ON:
                made.append(pair)
                if pair[0] == b"x-amz-function-error":
                    self._metrics.of(environment.key.region, environment.key.function).function_errors += 1
            elif pair[0] == _FATE:
                fate = pair[1]
        body = answer.body_nowait
        if body is not None and not reply.is_streaming:
            if fate == b"settling":
                try:
                    reply.respond(made, body)
                finally:
                    await self._settle(environment, fate)
            else:
                self._settle_nowait(environment, is_gone=fate == b"gone")
                reply.respond(made, body)
            return
        try:
            await reply.relay(answer, made)
        finally:
            if answer.body.ended and answer.body.failure is None:
                await self._settle(environment, dict(answer.trailers).get(_FATE, fate))
            else:
                self._fleet.discard(environment)

    def _settle_nowait(self, environment: Environment, *, is_gone: bool) -> None:
        if is_gone:
            self._fleet.drop(environment)
        else:
            self._fleet.give_back(environment)

    async def _settle(self, environment: Environment, fate: bytes) -> None:
        """Take an environment back as soon as it can serve again: its extensions may take their time behind the answer."""
        is_gone = fate == b"gone"
        if fate == b"settling":
            key = environment.key
            function = (key.account, key.region, key.function)
            self._settling.begin(function)
            try:
                settled = await environment.worker.request(b"GET", environment.settled_path)
                is_gone = settled.status != 204
            except BaseException as error:
                self._fleet.discard(environment)
                if isinstance(error, IngleError):
                    return
                raise
            finally:
                self._settling.end(function)
        self._settle_nowait(environment, is_gone=is_gone)


def _key(arn: FunctionArn, version: VersionRoute, tenant: str) -> VersionKey:
    return VersionKey(
        account=arn.account,
        region=arn.region,
        function=arn.name,
        version=version.version,
        revision=version.revision,
        tenant=tenant,
    )


def _not_found(arn: FunctionArn) -> AwsError:
    named = arn if arn.qualifier else arn.qualified("$LATEST")
    return AwsError("ResourceNotFoundException", f"Function not found: {named}")


def _kind(exchange: Exchange) -> bytes:
    """Return the invocation type. Raises AwsError where the operation has no such type."""
    if _is_invoke_async(exchange.target.partition(b"?")[0]):
        return b"Event"
    kind = exchange.header(b"x-amz-invocation-type") or b"RequestResponse"
    known = ("RequestResponse", "DryRun") if _wants_stream(exchange) else ("Event", "RequestResponse", "DryRun")
    check_member({"enum": known}, kind, "invocationType")
    durable = exchange.header(b"x-amz-durable-execution-name")
    if durable is not None:
        check_member(DURABLE_NAME, durable, "durableExecutionName")
        raise AwsError(
            "InvalidParameterValueException", "Ingle has no durable functions: DurableExecutionName is refused."
        )
    return kind


def _check_payload(body: bytes) -> bytes:
    if not body:
        return b"{}"
    try:
        _check_json(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AwsError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from None
    return body


def event_headers(exchange: Exchange, arn: FunctionArn) -> EventHeaders:
    """Return what the worker is told of every invocation: request id, ARN and trace id, in this order."""
    given = exchange.header(b"x-amzn-trace-id")
    trace = given if given is not None and _TRACE.fullmatch(given) else _new_trace()
    request_id = new_request_id().encode()
    return [(b"x-ingle-request-id", request_id), (b"x-ingle-arn", str(arn).encode()), (b"x-amzn-trace-id", trace)]


def _event_headers(exchange: Exchange, arn: FunctionArn) -> EventHeaders:
    """Return what the worker is told of one that Invoke asks for."""
    headers = event_headers(exchange, arn)
    log_type = exchange.header(b"x-amz-log-type")
    if log_type == b"Tail":
        headers.append((b"x-ingle-tail", b"1"))
    elif log_type not in (None, b"None"):
        check_member({"enum": ("None", "Tail")}, log_type or b"", "logType")
    if _wants_stream(exchange):
        headers.append(STREAM)
    context = exchange.header(b"x-amz-client-context")
    if context is not None:
        headers.append((b"x-amz-client-context", _check_context(context)))
    return headers


def _check_context(context: bytes) -> bytes:
    """Return the context in its plain form: decoded and encoded anew, so that it holds no line break of the caller's."""
    try:
        decoded = _check_json(base64.b64decode(context, validate=True)) if len(context) <= _CONTEXT_LIMIT else None
        plain = msgspec.json.encode(decoded) if isinstance(decoded, dict) else b""
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):  # which both ways may raise
        plain = b""
    if not plain:
        raise AwsError("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
    return base64.b64encode(plain)


def _new_trace() -> bytes:
    return f"Root={new_trace_id(int(time.time()))};Sampled=0".encode()
