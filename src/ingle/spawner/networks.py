"""Network namespaces made ahead: loopback alone, with the Runtime API's listener already in them."""

from __future__ import annotations

import fcntl
import os
import socket
import struct

from . import syscalls

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_RUNTIME_API = ("127.0.0.1", 9001)


def open_listener() -> socket.socket:
    """Bring up the loopback interface of the current network namespace and listen there for a runtime."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.bind(_RUNTIME_API)
    listener.listen(64)
    return listener


class Networks:
    """Hands out network namespaces, each used once."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._free: list[tuple[int, int]] = []

    def make_ahead(self, wanted: int) -> bool:
        """Make one more where fewer than `wanted` are free; return whether there are still fewer."""
        if len(self._free) < wanted:
            self._free.append(self._make())
        return len(self._free) < wanted

    def take(self) -> tuple[int, int]:
        """Return descriptors of a namespace and of the listener in it; both are the caller's."""
        return self._free.pop() if self._free else self._make()

    def _make(self) -> tuple[int, int]:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        try:
            listener = open_listener().detach()
            return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), listener
        finally:
            syscalls.setns(self._own, syscalls.CLONE_NEWNET)
