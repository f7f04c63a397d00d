"""A gateway's end of its link with control, to be filled by a test."""

from ingle.links.gateway_control import DeliveryAnswer, Invocation, ProvisionedLevel, ProvisionedRequest
from ingle.routing import RoutingChange


class QuietGateway:
    """The `Gateway` of control; each event that it is given succeeds, and it forgets what it hears."""

    async def apply(self, change: RoutingChange) -> None:
        return None

    async def refresh(self) -> None:
        return None

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        return DeliveryAnswer(executed_version="$LATEST", payload=b"{}" if keeps_answer else b"")

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        return []
