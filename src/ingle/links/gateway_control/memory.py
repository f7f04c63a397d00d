"""The link without a wire."""

from ingle.links.gateway_control.calls import Control, DeliveryRefusedError, Gateway, SessionEndedError
from ingle.links.gateway_control.messages import (
    DeliveryAnswer,
    ProvisionedLevel,
    ProvisionedRequest,
    SigningKey,
    SigningKeyRequest,
)
from ingle.links.invocation import Invocation
from ingle.links.memory import MemoryLink
from ingle.queues import EventNotKeptError, QueueStatistics
from ingle.routing import RoutingChange, RoutingSnapshot
from ingle.telemetry import DiskReport, LogStatistics
from ingle.transport import DisconnectedError


class MemoryControl(MemoryLink):
    """Control in the same process; it implements `Control`, where the calls are described."""

    def __init__(self, handler: Control) -> None:
        super().__init__(SessionEndedError, EventNotKeptError)
        self._handler = handler

    async def snapshot(self) -> RoutingSnapshot:
        """Return all functions as they are now."""
        return await self._order(self._handler.snapshot())

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        """Return a signing key. Raises SessionEndedError."""
        return await self._order(self._handler.derive_signing_key(request))

    async def accept_event(self, event: Invocation) -> bool:
        """Return once an event is durable. Raises EventNotKeptError, QueueFullError."""
        return await self._order(self._handler.accept_event(event))

    async def count_events(self) -> QueueStatistics:
        """Return what waits in the queue."""
        return await self._order(self._handler.count_events())

    async def count_logs(self) -> LogStatistics:
        """Return what the logs hold."""
        return await self._order(self._handler.count_logs())

    async def report_disk(self) -> DiskReport:
        """Return what is free on control's disk."""
        return await self._order(self._handler.report_disk())


class MemoryGateway(MemoryLink):
    """A gateway in the same process; it implements `Gateway`, where the calls are described."""

    def __init__(self, handler: Gateway) -> None:
        super().__init__(DeliveryRefusedError, DisconnectedError)
        self._handler = handler

    async def apply(self, change: RoutingChange) -> None:
        """Follow a change."""
        await self._order(self._handler.apply(change))

    async def refresh(self) -> None:
        """Take the snapshot."""
        await self._order(self._handler.refresh())

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        """Run an event. Raises DeliveryRefusedError."""
        return await self._order(self._handler.deliver(event, keeps_answer=keeps_answer))

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        """Return what there is of a function's provisioned concurrency."""
        return await self._order(self._handler.provisioned_levels(request))
