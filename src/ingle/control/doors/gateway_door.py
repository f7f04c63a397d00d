"""What control does for its gateways: the handler of their door."""

from pathlib import Path

from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.control.identity.identities import Identities
from ingle.control.identity.role_sessions import SessionExpiredError
from ingle.control.logs.log_store import LogStore
from ingle.control.routes.publisher import Publisher
from ingle.links.gateway_control import Invocation, SessionEndedError, SigningKey, SigningKeyRequest
from ingle.protocol import sigv4
from ingle.queues import QueueStatistics
from ingle.routing import RoutingSnapshot
from ingle.store import FunctionRepository
from ingle.telemetry import DiskReport, LogStatistics, read_disk
from ingle.values import parse_function_arn


class GatewayDesk:
    """Signing keys, routing and events; it implements the `Control` of a gateway.

    A gateway never gets a secret access key, only what signs for one day.
    """

    def __init__(
        self,
        identities: Identities,
        functions: FunctionRepository,
        publisher: Publisher,
        events: EventQueue,
        logs: LogStore,
        data_dir: Path,
    ) -> None:
        self._data_dir = data_dir
        self._identities = identities
        self._functions = functions
        self._publisher = publisher
        self._events = events
        self._logs = logs

    async def snapshot(self) -> RoutingSnapshot:
        """Return all functions as they are now."""
        return self._publisher.snapshot()

    async def accept_event(self, event: Invocation) -> bool:
        """Keep an event; returns once it is durable. Raises EventNotKeptError, QueueFullError."""
        arn = parse_function_arn(event.arn.decode())
        if self._functions.find(arn.account, arn.region, arn.name) is None:
            return False
        delivery = Delivery(trace=event.trace, payload=event.payload, tenant=event.tenant.encode())
        await self._events.accept(arn, event.request_id.decode(), delivery)
        return True

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        """Return a signing key. Raises SessionEndedError."""
        try:
            found = self._identities.find(request.access_key_id, request.session_token)
        except SessionExpiredError:
            raise SessionEndedError("the session has ended") from None
        if found is None:
            return None
        key = sigv4.derive_signing_key(found.secret_access_key, request.date, request.region, request.service)
        return SigningKey(key=key, principal=found.principal, expires_at_ms=found.expires_at_ms)

    async def count_events(self) -> QueueStatistics:
        """Return what waits in the queue."""
        return await self._events.statistics()

    async def count_logs(self) -> LogStatistics:
        """Return what the logs hold."""
        return self._logs.statistics()

    async def report_disk(self) -> DiskReport:
        """Return what is free on control's disk."""
        return read_disk(self._data_dir)
