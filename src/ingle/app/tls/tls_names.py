"""The names and addresses under which this host may be reached: what a certificate is for."""

import fcntl
import ipaddress
import socket
import struct
from pathlib import Path

_GET_ADDRESS = 0x8915
"""SIOCGIFADDR of netdevice(7)."""
_LOOPBACK = ("127.0.0.1", "::1")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def names_of(host: str, domain: str, regions: list[str]) -> tuple[list[str], list[Address]]:
    """Return the names and addresses that a certificate has to name for a server that listens at `host`.

    A server that listens everywhere is reached by every address of this host, and by its names.
    """
    names, addresses = ["localhost", "*.localhost"], [ipaddress.ip_address(one) for one in _LOOPBACK]
    listened = _parse(host)
    if listened is None:
        names.append(host)
    elif listened.is_unspecified:
        names += [
            name for name in (socket.gethostname(), socket.getfqdn()) if name not in names and _parse(name) is None
        ]
        addresses += [one for one in host_addresses() if one not in addresses]
    elif listened not in addresses:
        addresses.append(listened)
    names += [f"*.lambda-url.{region}.{domain}" for region in regions]
    return list(dict.fromkeys(names)), addresses


def _parse(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def host_addresses() -> list[Address]:
    """Return the addresses of this host's interfaces, without those that hold for one link only."""
    found: list[Address] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, interface in socket.if_nameindex():
            try:
                answer = fcntl.ioctl(probe, _GET_ADDRESS, struct.pack("256s", interface.encode()[:15]))
            except OSError:  # it has none
                continue
            found.append(ipaddress.IPv4Address(answer[20:24]))
    table = Path("/proc/net/if_inet6")
    for line in table.read_text().splitlines() if table.exists() else ():
        found.append(ipaddress.IPv6Address(bytes.fromhex(line.split()[0])))
    return [one for one in dict.fromkeys(found) if not (one.is_link_local or one.is_unspecified)]
