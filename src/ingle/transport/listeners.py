"""Listening sockets."""

import os
import socket
from pathlib import Path

BACKLOG = 4096
"""What a thousand callers at once need; the kernel's somaxconn bounds it."""


def unix_listener(path: str | Path, *, backlog: int = BACKLOG) -> socket.socket:
    """Listen on a Unix socket that only this user can reach (mode 0600); a stale one at `path` is replaced."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(before)
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


def tcp_listener(host: str, port: int, *, backlog: int = BACKLOG) -> socket.socket:
    """Listen on a TCP address; `host` is a literal address of the machine or a name that resolves to one."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(backlog)
    listener.setblocking(False)
    return listener


def adopt_listener(descriptor: int) -> socket.socket:
    """Return a listener that another program has bound and handed down as `descriptor`."""
    listener = socket.socket(fileno=descriptor)
    listener.setblocking(False)
    return listener
