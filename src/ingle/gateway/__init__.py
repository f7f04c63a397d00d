"""The data plane: front door, admission, assignment and scaling of environments."""

from ingle.gateway.config import GatewaySettings
from ingle.gateway.program import serve_gateway

__all__ = ["GatewaySettings", "serve_gateway"]
