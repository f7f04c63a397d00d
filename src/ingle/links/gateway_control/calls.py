"""The calls of the link. They look the same from both ends: one program implements them, and the other's client does.

Every call over the link may raise ConnectionFailedError where nothing was sent, DisconnectedError where no answer came, and
LinkRefusedError where the peer has failed: all of them are IngleErrors.

Routing is a feed of its own: a gateway takes a snapshot from a `RoutingSource`, and control tells a `RoutingFollower` of
each change. Only these two need another implementation where changes reach many gateways by way of a message broker.
"""

from typing import Protocol

from ingle.links.gateway_control.messages import (
    DeliveryAnswer,
    ProvisionedLevel,
    ProvisionedRequest,
    SigningKey,
    SigningKeyRequest,
)
from ingle.links.invocation import Invocation
from ingle.queues import QueueStatistics
from ingle.routing import RoutingChange, RoutingSnapshot
from ingle.telemetry import DiskReport, LogStatistics
from ingle.values import IngleError


class SessionEndedError(IngleError):
    """Credentials were good, and are no more."""


class DeliveryRefusedError(IngleError):
    """An event could not be run now, for no fault of its function; control tries again."""


class RoutingSource(Protocol):
    """Where a gateway learns of all functions."""

    async def snapshot(self) -> RoutingSnapshot:
        """Return all functions as they are now."""
        ...


class RoutingFollower(Protocol):
    """Who hears of each function that has changed."""

    async def apply(self, change: RoutingChange) -> None:
        """Follow a change; it is in force on return. A follower that has missed one takes the snapshot."""
        ...

    async def refresh(self) -> None:
        """Take the snapshot: what was known may never have been stored."""
        ...


class Control(RoutingSource, Protocol):
    """Control, as a gateway has it."""

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        """Return a key that signs for one day, region and service; None where nobody has such credentials.

        Raises SessionEndedError.
        """
        ...

    async def accept_event(self, event: Invocation) -> bool:
        """Return True once an event is durable, False where there is no such function.

        Raises QueueFullError, or EventNotKeptError where the disk refuses.
        """
        ...

    async def count_events(self) -> QueueStatistics:
        """Return what waits in the queue."""
        ...

    async def count_logs(self) -> LogStatistics:
        """Return what the logs hold."""
        ...

    async def report_disk(self) -> DiskReport:
        """Return what is free on control's disk."""
        ...


class Gateway(RoutingFollower, Protocol):
    """A gateway, as control has it."""

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        """Run an event, on the path of every other invocation; return what the function answers.

        Its payload comes only with `keeps_answer`. Raises DeliveryRefusedError.
        """
        ...

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        """Return what there is of a function's provisioned concurrency."""
        ...
