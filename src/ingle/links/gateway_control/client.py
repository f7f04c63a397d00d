"""Both callers' ends over HTTP."""

import msgspec

from ingle.links.gateway_control import wire
from ingle.links.gateway_control.calls import DeliveryRefusedError, SessionEndedError
from ingle.links.gateway_control.messages import (
    DeliveryAnswer,
    ProvisionedLevel,
    ProvisionedRequest,
    SigningKey,
    SigningKeyRequest,
)
from ingle.links.invocation import Invocation, render_invocation
from ingle.links.link import LinkClient, LinkRefusedError
from ingle.queues import EventNotKeptError, QueueFullError, QueueStatistics
from ingle.routing import RoutingChange, RoutingSnapshot
from ingle.telemetry import DiskReport, LogStatistics
from ingle.values import MIB

_SNAPSHOT_LIMIT_BYTES = 256 * MIB


class ControlClient(LinkClient):
    """Control; it implements `Control`, where the calls are described."""

    async def snapshot(self) -> RoutingSnapshot:
        """Return all functions as they are now."""
        told = await self._ask(wire.SNAPSHOT, limit_bytes=_SNAPSHOT_LIMIT_BYTES)
        return msgspec.json.decode(told, type=RoutingSnapshot)

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        """Return a signing key. Raises SessionEndedError."""
        try:
            told = await self._ask(wire.DERIVE_SIGNING_KEY, msgspec.json.encode(request))
        except LinkRefusedError as error:
            if error.status != wire.SESSION_ENDED:
                raise
            raise SessionEndedError("the session has ended") from None
        return msgspec.json.decode(told, type=SigningKey | None)

    async def accept_event(self, event: Invocation) -> bool:
        """Return once an event is durable. Raises EventNotKeptError, QueueFullError."""
        response = await self._http.post(wire.ACCEPT_EVENT, render_invocation(event), event.payload)
        told = await response.read(MIB)
        if response.status == wire.QUEUE_FULL:
            raise QueueFullError(told.decode())
        if response.status == wire.EVENT_NOT_KEPT:
            raise EventNotKeptError(told.decode())
        if response.status != 200:
            raise LinkRefusedError(response.status)
        return msgspec.json.decode(told, type=bool)

    async def count_events(self) -> QueueStatistics:
        """Return what waits in the queue."""
        return msgspec.json.decode(await self._ask(wire.COUNT_EVENTS), type=QueueStatistics)

    async def count_logs(self) -> LogStatistics:
        """Return what the logs hold."""
        return msgspec.json.decode(await self._ask(wire.COUNT_LOGS), type=LogStatistics)

    async def report_disk(self) -> DiskReport:
        """Return what is free on control's disk."""
        return msgspec.json.decode(await self._ask(wire.REPORT_DISK), type=DiskReport)


class GatewayClient(LinkClient):
    """A gateway; it implements `Gateway`, where the calls are described."""

    async def apply(self, change: RoutingChange) -> None:
        """Follow a change."""
        await self._ask(wire.APPLY, msgspec.json.encode(change))

    async def refresh(self) -> None:
        """Take the snapshot."""
        await self._ask(wire.REFRESH)

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        """Run an event. Raises DeliveryRefusedError."""
        target = wire.DELIVER_AND_KEEP if keeps_answer else wire.DELIVER
        response = await self._http.post(target, render_invocation(event), event.payload)
        told = await response.read(16 * MIB)
        if response.status == wire.DELIVERY_REFUSED:
            raise DeliveryRefusedError(told.decode())
        if response.status != 200:
            raise LinkRefusedError(response.status)
        return msgspec.msgpack.decode(told, type=DeliveryAnswer)

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        """Return what there is of a function's provisioned concurrency."""
        told = await self._ask(wire.PROVISIONED_LEVELS, msgspec.json.encode(request))
        return msgspec.json.decode(told, type=list[ProvisionedLevel])
