"""What a server takes from a peer before it says no."""

import dataclasses
import ipaddress
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
    connections_of_one: int = 4096
    """How many of them may come from one network address; see `origin_of`."""


def origin_of(address: object) -> str:
    """Return whose connections are counted together, by a peer's socket address; "" for those that are not bounded.

    An IPv6 network of 64 bits is one peer: its owner has all its addresses. This machine's own programs are bounded only
    with everybody else, because a proxy among them speaks for many.
    """
    if not isinstance(address, tuple):
        return ""
    try:
        ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
    except ValueError:
        return str(address[0])
    plain = (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
    if plain.is_loopback:
        return ""
    return str(plain) if plain.version == 4 else str(ipaddress.ip_network((plain, 64), strict=False))
