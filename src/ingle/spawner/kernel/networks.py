"""Network namespaces made ahead: loopback alone, with the Runtime API's listener already in them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct

from . import syscalls
from .stock import Stock

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK, _IFF_UP = 0x8913, 0x8914, 0x8916, 0x891C, 1
_LAMBDAS_ADDRESS = "169.254.100.1"
_PORT = 9001
_COPIES = "/proc/sys/net/core/tstamp_allow_data"


def refuse_copies() -> None:
    """Let no socket of the current network namespace keep copies of what it has sent: no control group pays for them.

    Each message can ask for one with a time stamp (SO_TIMESTAMPING as control data), which no seccomp filter sees. Some
    kernels have this setting for the host alone: there it stays as it is.
    """
    with contextlib.suppress(FileNotFoundError), open(_COPIES, "w") as file:
        file.write("0")


def open_listener() -> socket.socket:
    """Bring up the loopback interface of the current network namespace, with Lambda's address beside its own, and
    listen there, and there alone, for a runtime."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(probe, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(probe, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
        for request_number, address in ((_SIOCSIFADDR, _LAMBDAS_ADDRESS), (_SIOCSIFNETMASK, "255.255.255.255")):
            told = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(probe, request_number, told)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
    listener.bind(("", _PORT))
    listener.listen(64)
    return listener


class Networks(Stock):
    """Hands out network namespaces, each used once: descriptors of one and of its listener, which are the caller's."""

    def __init__(self) -> None:
        super().__init__()
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def _make(self) -> tuple[int, int]:
        syscalls.unshare(syscalls.CLONE_NEWNET)
        try:
            refuse_copies()
            listener = open_listener().detach()
            return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC), listener
        finally:
            syscalls.setns(self._own, syscalls.CLONE_NEWNET)
