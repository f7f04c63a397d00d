"""How AWS's Python client speaks with the Runtime API here: over a socket that init hands down.

The client calls a native module of its own, `runtime_client`, which goes over TCP by libcurl; from Python 3.12 on it
does so in a thread of its own for each event, so that signals are heard meanwhile. This module stands in its place. A
read in the main thread hears signals too, and an answer leaves together with the wish for the next event: nothing of
the function's runs between the two.
"""

from __future__ import annotations

import socket
from typing import Any

_NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: 127.0.0.1:9001\r\n\r\n"
_RECEIVED = 1 << 16
_DEADLINE = "Lambda-Runtime-Deadline-Ms"


class Connection:
    """A connection that one client uses for one request after the other."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._rest = b""
        self._unsent: bytes | None = None
        """An answer that goes out with the next wish for an event."""

    def ask(self) -> tuple[bytes, dict[str, str]]:
        """Return the next event and its headers. Raises RuntimeError where the API refuses, OSError where it is gone."""
        unsent, self._unsent = self._unsent, None
        if unsent is None:
            self._link.sendall(_NEXT)
        else:
            self._link.sendall(unsent + _NEXT)
            self._expect(202, "post a response")
        body, headers = self._expect(200, "get the next invocation")
        return body, headers

    def answer(self, request_id: str, verb: str, content_type: str, body: bytes) -> None:
        """Have an answer (`verb`: response or error) sent with the next `ask`."""
        head = (
            f"POST /2018-06-01/runtime/invocation/{request_id}/{verb} HTTP/1.1\r\nhost: 127.0.0.1:9001\r\n"
            f"content-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._unsent = head.encode("latin-1") + body

    def fileno(self) -> int:
        return self._link.fileno()

    def tell(self, method: str, target: str, body: bytes = b"") -> int:
        """Make a request of one's own between two events; return the status of its answer."""
        self._link.sendall(head(method, target, len(body)) + body)
        return self._receive()[0]

    def _expect(self, status: int, what: str) -> tuple[bytes, dict[str, str]]:
        found, headers, body = self._receive()
        if found != status:
            raise RuntimeError(f"Failed to {what}: {found} {body.decode('utf-8', 'replace')}")
        return body, headers

    def _receive(self) -> tuple[int, dict[str, str], bytes]:
        held = self._rest
        while (end := held.find(b"\r\n\r\n")) < 0:
            held += self._read()
        first, *lines = held[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            headers[name.title()] = value
        start, size = end + 4, int(headers.get("Content-Length", "0"))
        pieces, missing = [held[start : start + size]], start + size - len(held)
        self._rest = held[start + size :]
        while missing > 0:
            piece = self._read(missing)
            pieces.append(piece)
            missing -= len(piece)
        return int(first[9:12]), headers, b"".join(pieces)

    def _read(self, size: int = _RECEIVED) -> bytes:
        piece = self._link.recv(size)
        if not piece:
            raise ConnectionResetError("the Runtime API has closed the connection")
        return piece


def head(method: str, target: str, length: int) -> bytes:
    """Return the head of a request."""
    return f"{method} {target} HTTP/1.1\r\nhost: 127.0.0.1:9001\r\ncontent-length: {length}\r\n\r\n".encode()


_current: Connection | None = None


def use(descriptor: int) -> None:
    """Speak over a connected stream socket from now on."""
    global _current
    _current = Connection(socket.socket(fileno=descriptor))


def end() -> None:
    """Speak with nobody any more."""
    global _current
    _current = None


def current() -> Connection:
    """Return the connection that is in use."""
    if _current is None:
        raise RuntimeError("there is no connection to the Runtime API")
    return _current


# What AWS's client calls.


def initialize_client(user_agent: str) -> None:
    """Take note of nothing: who is at the other end knows who speaks."""


def next() -> tuple[bytes, dict[str, Any]]:
    """Return the next event and its headers, the deadline as a number, once the last answer has been taken."""
    body, headers = current().ask()
    return body, {**headers, _DEADLINE: int(headers[_DEADLINE])}


def restore_next() -> None:
    """Wait until the environment is restored. Raises RuntimeError where the API refuses."""
    status = current().tell("GET", "/2018-06-01/runtime/restore/next")
    if status != 200:
        raise RuntimeError(f"Failed to get the next restore: {status}")


def post_invocation_result(request_id: str, body: bytes, content_type: str, invocation_id: str | None = None) -> None:
    """Answer an invocation."""
    current().answer(request_id, "response", content_type, body)


def post_error(request_id: str, body: str, xray_cause: str, invocation_id: str | None = None) -> None:
    """Tell of an invocation's error, a JSON document.

    Its cause, for X-Ray, holds the error's message: a header of whatever length and letters, which nobody here reads.
    """
    current().answer(request_id, "error", "application/json", body.encode())
