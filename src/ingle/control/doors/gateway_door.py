"""What control answers its own gateway."""

from pathlib import Path

import msgspec
import structlog

from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.control.identity.identities import Identities
from ingle.control.identity.role_sessions import SessionExpiredError
from ingle.control.logs.log_store import LogStore
from ingle.control.routes.publisher import Publisher
from ingle.environments import (
    SigningKey,
    SigningKeyRequest,
)
from ingle.links.invocation import parse_invocation
from ingle.links.tokens import is_linked
from ingle.protocol import sigv4
from ingle.queues import EventNotKeptError, QueueFullError
from ingle.store import FunctionRepository
from ingle.telemetry import read_disk
from ingle.transport import Exchange
from ingle.values import EVENT_LIMIT_BYTES, MIB, parse_function_arn

_log = structlog.get_logger("ingle.control")


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
