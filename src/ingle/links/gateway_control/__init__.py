"""The link of a gateway with control, which both ends call: keys, events and routing one way, deliveries the other."""

from ingle.links.endpoint import Endpoint
from ingle.links.gateway_control.calls import (
    Control,
    DeliveryRefusedError,
    Gateway,
    RoutingFollower,
    RoutingSource,
    SessionEndedError,
)
from ingle.links.gateway_control.client import ControlClient, GatewayClient
from ingle.links.gateway_control.door import ControlDoor, GatewayDoor
from ingle.links.gateway_control.memory import MemoryControl, MemoryGateway
from ingle.links.gateway_control.messages import (
    DeliveryAnswer,
    ProvisionedLevel,
    ProvisionedRequest,
    SigningKey,
    SigningKeyRequest,
)
from ingle.links.invocation import Invocation
from ingle.links.link import LinkRefusedError

__all__ = [
    "Control",
    "ControlClient",
    "ControlDoor",
    "DeliveryAnswer",
    "DeliveryRefusedError",
    "Endpoint",
    "Gateway",
    "GatewayClient",
    "GatewayDoor",
    "Invocation",
    "LinkRefusedError",
    "MemoryControl",
    "MemoryGateway",
    "ProvisionedLevel",
    "ProvisionedRequest",
    "RoutingFollower",
    "RoutingSource",
    "SessionEndedError",
    "SigningKey",
    "SigningKeyRequest",
]
