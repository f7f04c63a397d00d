"""One request and its response, as a handler sees them."""

import http
from collections.abc import Callable
from typing import Any, Protocol

from ingle.transport.messages import DisconnectedError, Headers, IncomingBody, WriteGate
from ingle.transport.spelling import SPELLINGS

_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in http.HTTPStatus
}


def _lines(headers: Headers) -> list[bytes]:
    return [b"%b: %b\r\n" % (SPELLINGS.get(name, name), value) for name, value in headers]


class Connection(Protocol):
    """What an exchange asks of the connection that it came on."""

    peer: str
    gate: WriteGate
    is_lost: bool
    is_closing: bool
    transport: Any

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def send(self, data: bytes) -> None:
        """Write to the peer, in the order of the calls."""
        ...

    def finish_exchange(self, exchange: "Exchange") -> None:
        """The exchange has been answered."""
        ...


class Exchange:
    """One request and its response. The handler answers by `respond`, or by `start`, `write` and `finish`."""

    __slots__ = (
        "_connection", "_disconnect_callbacks", "_is_chunked", "answered", "body", "headers",
        "is_http10", "is_over", "keep_alive", "method", "refused", "target", "trailers",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.method = b""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        """What came behind the body: complete once the body has ended, bounded with the headers, never one of them."""
        self.body = IncomingBody(connection.pause_reading, connection.resume_reading)
        self.keep_alive = True
        self.is_http10 = False
        self.answered = False
        self.is_over = False
        """Its answer is complete: the connection belongs to another exchange now."""
        self.refused = False
        """The server itself has answered, because the rest of the request is broken: the handler's answer is dropped."""
        self._is_chunked = False
        self._disconnect_callbacks: list[Callable[[], None]] | None = None

    @property
    def peer(self) -> str:
        """The peer's address: `host:port`, or `unix`."""
        return self._connection.peer

    @property
    def tls(self) -> tuple[str, str] | None:
        """Version and cipher suite of a connection under TLS, in OpenSSL's words; None for one that is not."""
        session = self._connection.transport.get_extra_info("ssl_object")
        return (session.version(), session.cipher()[0]) if session is not None else None

    @property
    def is_disconnected(self) -> bool:
        return self._connection.is_lost or self.is_over

    @property
    def body_nowait(self) -> bytes | None:
        """The whole body where it has arrived already, else None."""
        return self.body.whole

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError above `limit` bytes, DisconnectedError if it breaks off."""
        return await self.body.read(limit)

    def chunks(self) -> Any:
        """Iterate over the body as it arrives; raises DisconnectedError if it breaks off."""
        return self.body.chunks()

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        """Call `callback` if the client goes away before the answer is finished."""
        if self._disconnect_callbacks is None:
            self._disconnect_callbacks = []
        self._disconnect_callbacks.append(callback)

    def respond(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Send the whole response in one write. A response to a client that is gone is dropped."""
        if self.refused:
            return
        if self.answered:
            raise RuntimeError("this exchange has been answered")
        self.answered = True
        connection = self._connection
        if connection.is_lost:
            return
        pieces = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d\r\n" % status]
        pieces.extend(_lines(headers))
        if status == 204 or status == 304:
            pieces.append(b"\r\n" if self._keeps() else b"Connection: close\r\n\r\n")
        else:
            tail = (
                b"Content-Length: %d\r\n\r\n" if self._keeps() else b"Content-Length: %d\r\nConnection: close\r\n\r\n"
            )
            pieces.append(tail % len(body))
            if self.method != b"HEAD":
                pieces.append(body)
        connection.send(b"".join(pieces))
        connection.finish_exchange(self)

    def _keeps(self) -> bool:
        self.keep_alive = self.keep_alive and self.body.ended and not self._connection.is_closing
        return self.keep_alive

    def start(self, status: int, headers: Headers) -> None:
        """Send the head of a response whose body follows by `write`; chunked unless content-length is given."""
        if self.refused:
            return
        if self.answered:
            raise RuntimeError("this exchange has been answered")
        self.answered = True
        has_length = any(name == b"content-length" for name, _ in headers)
        self._is_chunked = not has_length and not self.is_http10
        self.keep_alive = self.keep_alive and (has_length or self._is_chunked) and not self._connection.is_closing
        pieces = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d\r\n" % status]
        pieces.extend(_lines(headers))
        if self._is_chunked:
            pieces.append(b"Transfer-Encoding: chunked\r\n")
        pieces.append(b"\r\n" if self.keep_alive else b"Connection: close\r\n\r\n")
        if not self._connection.is_lost:
            self._connection.send(b"".join(pieces))

    async def write(self, data: bytes) -> None:
        """Send a piece of the body; waits while more than 256 KiB are unsent. Raises DisconnectedError."""
        if self._connection.is_lost or self.refused or self.is_over:
            raise DisconnectedError("the client went away, or has its answer")
        if data and self.method != b"HEAD":
            self._connection.send(b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked else data)
        if self._connection.gate.closed:
            await self._connection.gate.wait()

    def finish(self, trailers: Headers = ()) -> None:
        """End a response begun by `start`."""
        if self._connection.is_lost or self.refused or self.is_over:
            return
        if self._is_chunked and self.method != b"HEAD":
            self._connection.send(b"0\r\n%b\r\n" % b"".join(b"%b: %b\r\n" % pair for pair in trailers))
        self.keep_alive = self.keep_alive and self.body.ended
        self._connection.finish_exchange(self)

    def abort(self) -> None:
        """Cut the connection: the only honest end of a response that can't be completed."""
        if not self.is_over:
            self._connection.transport.abort()

    @property
    def expects_continue(self) -> bool:
        """Whether the client sends its body only once it is asked to (RFC 9110, 10.1.1)."""
        return self.body.wanted is not None

    def mark_expects_continue(self) -> None:
        self.body.wanted = self._send_continue

    def _send_continue(self) -> None:
        if not self._connection.is_lost and not self.answered:
            self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def disconnected(self) -> None:
        callbacks, self._disconnect_callbacks = self._disconnect_callbacks, None
        for callback in callbacks or ():
            callback()
