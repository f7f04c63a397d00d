"""What a server takes from a peer before it says no."""

import dataclasses
import math

from ingle.values import MIB


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Limits of one server; sizes in bytes, times in seconds."""

    header_bytes: int = 64 * 1024
    header_count: int = 200
    body_bytes: int = 80 * MIB
    header_timeout_s: float = 10.0
    body_timeout_s: float = 30.0
    """The longest pause within a body."""
    idle_timeout_s: float = 120.0
    write_timeout_s: float = math.inf
    """How long a peer may take nothing of an answer that is more than 256 KiB ahead of it."""
    connections: int = 4096
