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
from ingle.links.gateway_worker import GONE, IDLE, SETTLING, Answer, CannotServeError, Fate, Invocation
from ingle.protocol import AwsError
from ingle.routing import FunctionRoute, UnknownVersionError, VersionRoute, resolve
from ingle.transport import ConnectionFailedError, DisconnectedError, Exchange, Headers, Intake
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
_check_json = msgspec.json.Decoder().decode
_Routes = dict[tuple[str, str, str], FunctionRoute]


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
        wants_stream = _wants_stream(exchange)
        invocation = Invocation(
            request_id=new_request_id().encode(),
            arn=str(arn).encode(),
            trace=trace_of(exchange),
            payload=payload,
            wants_tail=_wants_tail(exchange),
            wants_stream=wants_stream,
            client_context=_client_context(exchange),
            tenant=self._tenant(exchange, arn),
        )
        if kind == b"DryRun":
            exchange.respond(204, ((b"x-amzn-requestid", invocation.request_id),))
        elif kind == b"Event":
            await self._accept(exchange, arn, invocation)
        else:
            reply = EventReply(exchange) if wants_stream else PlainReply(exchange)
            await self.run(arn, draw, invocation, reply)

    async def _accept(self, exchange: Exchange, arn: FunctionArn, invocation: Invocation) -> None:
        if not await self._events.accept(invocation):
            raise _not_found(arn)
        exchange.respond(202, ((b"x-amzn-requestid", invocation.request_id), (b"x-amzn-trace-id", invocation.trace)))

    async def run(self, arn: FunctionArn, draw: float, invocation: Invocation, reply: Reply) -> None:
        """Admit an invocation, have an environment serve it, and answer. Raises AwsError.

        `draw`, at random from [0, 1), decides which version of a weighted alias serves.
        """
        version = self._version(arn, draw).version
        function = (arn.account, arn.region, arn.name)
        try:
            self._admission.admit(function, version, time.monotonic())
        except AwsError as refusal:
            await self._admit_late(function, version, refusal)
        await self._run_admitted(arn, version, draw, invocation, reply)

    async def _admit_late(self, function: FunctionKey, version: str, refusal: AwsError) -> None:
        """Admit what was refused, as soon as an environment has settled that is about to. Raises AwsError."""
        if not lacks_room(refusal) or not await self._settling.wait(function):
            raise refusal
        self._admission.admit(function, version, time.monotonic())

    async def run_event(self, arn: FunctionArn, invocation: Invocation, reply: Reply) -> None:
        """Do as `run` does for a queued event. Raises AwsError."""
        draw = random.random()  # noqa: S311
        version = self._version(arn, draw).version
        self._admission.admit_event((arn.account, arn.region, arn.name), version)
        await self._run_admitted(arn, version, draw, invocation, reply)

    async def _run_admitted(
        self, arn: FunctionArn, version: str, draw: float, invocation: Invocation, reply: Reply
    ) -> None:
        began_ns = time.monotonic_ns()
        counted = self._metrics.of(arn.region, arn.name)
        try:
            await self._serve(reply, arn, draw, invocation)
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

    async def _serve(self, reply: Reply, arn: FunctionArn, draw: float, invocation: Invocation) -> None:
        for pause_s in (*_PAUSES_S, None):
            key = _key(arn, self._version(arn, draw), invocation.tenant)
            try:
                environment = self._fleet.take_nowait(key) or await self._fleet.wait(key)
                await self._deliver(reply, environment, invocation)
            except _Undelivered:
                continue
            except NotStartedError:
                # The worker or its spawner may be coming back, or the revision has just been replaced.
                if pause_s is None:
                    raise
                if _key(arn, self._version(arn, draw), invocation.tenant) == key:
                    await asyncio.sleep(pause_s)
                continue
            return
        raise AwsError("ServiceException", "No environment of the function stayed long enough to serve.")

    async def _deliver(self, reply: Reply, environment: Environment, invocation: Invocation) -> None:
        try:
            answer = await environment.worker.invoke(environment.name, invocation)
        except CannotServeError:
            self._fleet.discard(environment)
            raise _Undelivered from None
        except ConnectionFailedError:
            self._fleet.drop(environment)
            raise _Undelivered from None
        except DisconnectedError:
            self._fleet.discard(environment)
            raise AwsError("ServiceException", "The worker was lost while the function ran.") from None
        if answer.function_error:
            self._metrics.of(environment.key.region, environment.key.function).function_errors += 1
        made = _reply_headers(invocation, environment.key.version, answer)
        body = answer.body_nowait
        if body is not None and not reply.is_streaming:
            fate = answer.fate
            if fate is SETTLING:
                try:
                    reply.respond(made, body)
                finally:
                    await self._settle(environment, fate)
            else:
                self._settle_nowait(environment, fate)
                reply.respond(made, body)
            return
        try:
            await reply.relay(answer, made)
        finally:
            if answer.is_whole:
                await self._settle(environment, answer.ending.fate)
            else:
                self._fleet.discard(environment)

    def _settle_nowait(self, environment: Environment, fate: Fate) -> None:
        if fate is GONE:
            self._fleet.drop(environment)
        else:
            self._fleet.give_back(environment)

    async def _settle(self, environment: Environment, fate: Fate) -> None:
        """Take an environment back as soon as it can serve again: its extensions may take their time behind the answer."""
        if fate is SETTLING:
            key = environment.key
            function = (key.account, key.region, key.function)
            self._settling.begin(function)
            try:
                fate = IDLE if await environment.worker.settle(environment.name) else GONE
            except BaseException as error:
                self._fleet.discard(environment)
                if isinstance(error, IngleError):
                    return
                raise
            finally:
                self._settling.end(function)
        self._settle_nowait(environment, fate)


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


def trace_of(exchange: Exchange) -> bytes:
    """Return the trace header that a caller has given, or a new one."""
    given = exchange.header(b"x-amzn-trace-id")
    return given if given is not None and _TRACE.fullmatch(given) else _new_trace()


def _wants_tail(exchange: Exchange) -> bool:
    log_type = exchange.header(b"x-amz-log-type")
    if log_type not in (None, b"None", b"Tail"):
        check_member({"enum": ("None", "Tail")}, log_type or b"", "logType")
    return log_type == b"Tail"


def _client_context(exchange: Exchange) -> bytes:
    context = exchange.header(b"x-amz-client-context")
    return _check_context(context) if context is not None else b""


def _reply_headers(invocation: Invocation, version: str, answer: Answer) -> Headers:
    """Return what a caller is told beside the answer itself."""
    headers = [
        (b"x-amzn-requestid", invocation.request_id),
        (b"x-amz-executed-version", version.encode()),
        (b"x-amzn-trace-id", invocation.trace),
    ]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type))
    if answer.function_error:
        headers.append((b"x-amz-function-error", answer.function_error))
    if answer.log_result:
        headers.append((b"x-amz-log-result", answer.log_result))
    return headers


def _check_context(context: bytes) -> bytes:
    """Return the context decoded and encoded anew, so that it holds no line break of the caller's."""
    try:
        decoded = _check_json(base64.b64decode(context, validate=True)) if len(context) <= _CONTEXT_LIMIT else None
        plain = msgspec.json.encode(decoded) if isinstance(decoded, dict) else b""
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):  # which both ways may raise
        plain = b""
    if not plain:
        raise AwsError("InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object.")
    return plain


def _new_trace() -> bytes:
    return f"Root={new_trace_id(int(time.time()))};Sampled=0".encode()
