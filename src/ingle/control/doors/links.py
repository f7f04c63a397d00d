"""What control answers its own gateway and worker."""

from pathlib import Path
from typing import Any

import msgspec
import structlog

from ingle.control.code.code_store import CodeStore, image_context
from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.control.identity.identities import Identities
from ingle.control.identity.role_sessions import RoleSessions, SessionExpiredError
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.routes.publisher import Publisher
from ingle.control.routes.snap_starts import SnapStarts
from ingle.environments import (
    Assignment,
    CredentialsRequest,
    GrantRequest,
    LogBatch,
    SigningKey,
    SigningKeyRequest,
    TemplateReport,
    VersionKey,
)
from ingle.functions import Function, Version
from ingle.links.invocation import parse_invocation
from ingle.links.tokens import is_linked
from ingle.protocol import sigv4
from ingle.queues import EventNotKeptError, QueueFullError
from ingle.store import FunctionRepository
from ingle.telemetry import LogBatchFacts, read_disk
from ingle.transport import Exchange
from ingle.values import EVENT_LIMIT_BYTES, MIB, Clock, FunctionArn, parse_function_arn

_log = structlog.get_logger("ingle.control")
_GRANT_MS = 10 * 60 * 1000
_LOGS_LIMIT_BYTES = 64 * MIB
_CREDENTIALS_LIMIT = 64


class GatewayLink:
    """Signing keys, routing and events. A gateway never gets a secret access key, only what signs for one day."""

    def __init__(
        self,
        token: str,
        identities: Identities,
        functions: FunctionRepository,
        publisher: Publisher,
        events: EventQueue,
        logs: LogStore,
        data_dir: Path,
    ) -> None:
        self._token = token
        self._data_dir = data_dir
        self._identities = identities
        self._functions = functions
        self._publisher = publisher
        self._events = events
        self._logs = logs

    async def __call__(self, exchange: Exchange) -> None:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
        elif exchange.target == b"/signing-keys":
            await self._signing_key(exchange)
        elif exchange.target == b"/routing":
            exchange.respond(200, (), msgspec.json.encode(self._publisher.snapshot()))
        elif exchange.target == b"/events":
            await self._accept(exchange)
        elif exchange.target == b"/logs/statistics":
            exchange.respond(200, (), msgspec.json.encode(self._logs.statistics()))
        elif exchange.target == b"/events/statistics":
            exchange.respond(200, (), msgspec.json.encode(await self._events.statistics()))
        elif exchange.target == b"/health":
            exchange.respond(200, (), msgspec.json.encode(read_disk(self._data_dir)))
        else:
            exchange.respond(404, ())

    async def _accept(self, exchange: Exchange) -> None:
        """Keep an event; the answer comes once it is durable."""
        event = parse_invocation(exchange.headers, await exchange.read(EVENT_LIMIT_BYTES))
        arn = parse_function_arn(event.arn.decode())
        if self._functions.find(arn.account, arn.region, arn.name) is None:
            exchange.respond(404, ())
            return
        try:
            delivery = Delivery(trace=event.trace, payload=event.payload, tenant=event.tenant.encode())
            await self._events.accept(arn, event.request_id.decode(), delivery)
        except QueueFullError as error:
            exchange.respond(429, (), str(error).encode())
        except EventNotKeptError:
            exchange.respond(500, ())
        else:
            exchange.respond(202, ())

    async def _signing_key(self, exchange: Exchange) -> None:
        wanted = msgspec.json.decode(await exchange.read(MIB), type=SigningKeyRequest)
        try:
            found = self._identities.find(wanted.access_key_id, wanted.session_token)
        except SessionExpiredError:
            exchange.respond(410, ())
            return
        if found is None:
            exchange.respond(404, ())
            return
        key = sigv4.derive_signing_key(found.secret_access_key, wanted.date, wanted.region, wanted.service)
        made = SigningKey(key=key, principal=found.principal, expires_at_ms=found.expires_at_ms)
        exchange.respond(200, (), msgspec.json.encode(made))


class WorkerLink:
    """Grants and logs. A worker gets what one version takes to run, and only while that version is there."""

    def __init__(
        self,
        token: str,
        publisher: Publisher,
        code: CodeStore,
        sessions: RoleSessions,
        logs: LogStore,
        snap_starts: SnapStarts,
        clock: Clock,
    ) -> None:
        self._token = token
        self._sessions = sessions
        self._publisher = publisher
        self._code = code
        self._logs = logs
        self._snap_starts = snap_starts
        self._clock = clock

    async def __call__(self, exchange: Exchange) -> None:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
        elif exchange.target == b"/grants":
            await self._grant(exchange)
        elif exchange.target == b"/credentials":
            await self._give_credentials(exchange)
        elif exchange.target == b"/logs":
            await self._take_logs(exchange)
        elif exchange.target == b"/templates":
            await self._snap_starts.settle(msgspec.json.decode(await exchange.read(MIB), type=TemplateReport))
            exchange.respond(202, ())
        else:
            exchange.respond(404, ())

    async def _grant(self, exchange: Exchange) -> None:
        key = msgspec.json.decode(await exchange.read(MIB), type=GrantRequest).version
        found = self._find(key)
        if found is None:
            exchange.respond(404, ())
            return
        function, version = found
        arn: FunctionArn = function.arn
        fields: dict[str, Any] = {
            "version": key,
            "runtime": version.runtime,
            "handler": version.handler,
            "timeout_s": version.timeout_s,
            "memory_mib": version.memory_mib,
            "ephemeral_mib": version.ephemeral_mib,
            "environment": self._code.open_variables(arn, version),
            "log_group": version.log_group or f"/aws/lambda/{function.name}",
            "log_format": version.log_format,
            "application_log_level": version.application_log_level,
            "system_log_level": version.system_log_level,
            "manifest": version.code.image_manifest,
            "opt_manifest": version.code.opt_manifest,
            "opt_data_key": self._code.opt_data_key(arn, version.code) if version.code.opt_manifest else b"",
            "extensions": list(version.code.extensions),
            "credentials": self._sessions.begin(version.role, function.name),
            "is_snap_start": version.snap_start and version.is_published,
            "has_template": function.wants_template(version),
            "is_isolated": function.is_isolated,
            "data_key": self._code.data_key(arn, version.code),
            "context": image_context(arn),
            "expires_at_ms": self._clock.now_ms() + _GRANT_MS,
        }
        exchange.respond(200, (), msgspec.json.encode(Assignment(**fields)))

    def _find(self, key: VersionKey) -> tuple[Function, Version] | None:
        """Return what a worker may run now, None where it may not."""
        found = self._publisher.find_served(key)
        return found if found is not None and (found[1].state == "Active" or found[1].awaits_template) else None

    async def _give_credentials(self, exchange: Exchange) -> None:
        wanted = msgspec.json.decode(await exchange.read(MIB), type=CredentialsRequest)
        found = self._find(wanted.version)
        if found is None or not 0 < wanted.count <= _CREDENTIALS_LIMIT:
            exchange.respond(404, ())
            return
        function, version = found
        given = [self._sessions.begin(version.role, function.name) for _ in range(wanted.count)]
        exchange.respond(200, (), msgspec.json.encode(given))

    async def _take_logs(self, exchange: Exchange) -> None:
        batch = msgspec.msgpack.decode(await exchange.read(_LOGS_LIMIT_BYTES), type=LogBatch)
        now_ms = self._clock.now_ms()
        for one in batch.records:
            key = GroupKey(account=one.account, region=one.region, name=one.group)
            facts = LogBatchFacts(
                stream=one.stream, first_ms=one.first_ms, last_ms=one.last_ms, count=one.count, ingested_ms=now_ms
            )
            try:
                await self._logs.append(key, facts, one.data)
            except OSError as error:  # a full disk: these are lost, the next may find room
                _log.error("logs.not_kept", events=one.count, reason=error.strerror)
        exchange.respond(202, ())
