"""An HTTP/1.1 client for the links between Ingle's programs: keep-alive connections, streaming both ways."""

import asyncio
import dataclasses
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

import httptools

from ingle.transport.messages import DisconnectedError, Headers, IncomingBody, WriteGate
from ingle.values import IngleError

_TRAILER_LIMIT = 64


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TcpAddress:
    """Where a peer on another machine listens; the context holds its authority, and our own certificate."""

    host: str
    port: int
    tls: ssl.SSLContext

    def __repr__(self) -> str:
        return f"TcpAddress({self.host}:{self.port})"


class ConnectionFailedError(IngleError):
    """The peer can't be reached; nothing was sent."""


class ClientResponse:
    """A response whose head has arrived."""

    __slots__ = ("_connection", "body", "headers", "status", "trailers")

    def __init__(self, connection: "_ClientConnection") -> None:
        self._connection = connection
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        """What came behind the body: complete once the body has ended, never one of the headers."""
        self.body = IncomingBody(connection.pause_reading, connection.resume_reading)

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of a header, by its lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    @property
    def body_nowait(self) -> bytes | None:
        """The whole body where it has arrived already, else None."""
        return self.body.whole

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError, or DisconnectedError if it breaks off."""
        return await self.body.read(limit)

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises DisconnectedError if it breaks off."""
        return self.body.chunks()

    def close(self) -> None:
        """Give up a response that is not read to its end; its connection is closed."""
        if not self.body.ended:
            self._connection.abort()


class _ClientConnection(asyncio.Protocol):
    def __init__(self, client: "HttpClient") -> None:
        self.client = client
        self.transport: asyncio.Transport = cast(asyncio.Transport, None)
        self.gate = WriteGate()
        self.is_lost = False
        self._parser: Any = httptools.HttpResponseParser(self)
        self._response: ClientResponse | None = None
        self._answer: asyncio.Future[ClientResponse | None] | None = None
        self.failure = ""
        self._method = b""
        self._upload: asyncio.Future[str] | None = None
        self._is_complete = False
        self._is_waiting = False
        self._is_in_head = True
        self._keeps = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=256 * 1024, low=64 * 1024)

    def begin(self, method: bytes) -> "asyncio.Future[ClientResponse | None]":
        """Expect an answer; None stands for one that does not come, and `failure` says why."""
        self._method = method
        self._response = None
        self._is_complete = False
        self._is_waiting = True
        self._keeps = True
        self._answer = asyncio.get_running_loop().create_future()
        return self._answer

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting:
            self._drop("the peer answered what was not asked")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._drop(f"the peer's answer is not HTTP: {error}")
            return
        if self._response is not None:
            self._response.body.hold()

    def _drop(self, failure: str) -> None:
        """Never use this connection again."""
        self.client.discard(self)
        self._fail(failure)
        self.transport.abort()

    def on_message_begin(self) -> None:
        if self._is_complete:
            raise DisconnectedError("the peer answered twice")
        self._response = ClientResponse(self)
        self._is_in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        assert self._response is not None
        fields = self._response.headers if self._is_in_head else self._response.trailers
        fields.append((name.lower(), value))
        if len(self._response.trailers) > _TRAILER_LIMIT:
            raise DisconnectedError("the peer's trailer has too many fields")

    def on_headers_complete(self) -> None:
        response = self._response
        assert response is not None
        self._is_in_head = False
        response.status = self._parser.get_status_code()
        if response.status < 200:
            return
        self._keeps = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(response)
        if self._method == b"HEAD":  # no body comes, whatever the parser makes of the length
            self._keeps = False
            self._complete(response)

    def on_body(self, data: bytes) -> None:
        assert self._response is not None
        self._response.body.feed(data)

    def on_message_complete(self) -> None:
        response = self._response
        assert response is not None
        if response.status >= 200 and not self._is_complete:
            self._complete(response)

    def _complete(self, response: ClientResponse) -> None:
        response.body.end()
        self._is_complete = True
        self._settle()

    def uploading(self, upload: "asyncio.Future[str]") -> None:
        """Keep the connection until the request's body has gone out too."""
        self._upload = upload
        upload.add_done_callback(self._uploaded)

    def _uploaded(self, upload: "asyncio.Future[str]") -> None:
        self._upload = None
        if upload.cancelled() or upload.exception() is not None or upload.result():
            self.transport.abort()
        else:
            self._settle()

    def _settle(self) -> None:
        """Give the connection back once the request has gone out and the answer has come in."""
        if not self._is_complete:
            return
        if self._upload is not None:  # the peer has answered without taking everything: it wants no more
            self._upload.cancel()
        elif self._keeps and not self.is_lost:
            self._is_waiting = False
            self._response = None
            self.client.release(self)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.client.discard(self)
        if exc is None and not self._is_complete and self._response is not None:
            length = self._response.header(b"content-length")
            if length is None and self._response.header(b"transfer-encoding") is None and self._response.status >= 200:
                self._response.body.end()  # a body that ends with its connection (RFC 9112, 6.3)
        self._fail("the peer closed the connection before its answer was whole")
        if self._upload is not None:
            self._upload.cancel()
        self._parser = self._response = self._answer = None  # which know us: what they hold is freed now

    def _fail(self, failure: str) -> None:
        self.failure = self.failure or failure
        self.gate.fail(failure)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
        if self._response is not None:
            self._response.body.end(failure)

    def abort(self) -> None:
        self.transport.abort()

    def give_up(self, answer: "asyncio.Future[ClientResponse | None]") -> None:
        """Close, unless the answer is whole and the connection perhaps another caller's already."""
        answer.cancel()
        if answer is self._answer and self._is_waiting:
            self.transport.abort()

    def pause_reading(self) -> None:
        if not self.is_lost:
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if not self.is_lost:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        self.gate.pause()

    def resume_writing(self) -> None:
        self.gate.resume()


class HttpClient:
    """Requests to one peer over a pool of keep-alive connections; the last used is used first.

    An address that is a text is the path of a Unix socket. The headers `always` go with every request.
    """

    def __init__(self, address: str | TcpAddress, *, always: Headers = ()) -> None:
        self._address = address
        self._idle: list[_ClientConnection] = []
        self._all: set[_ClientConnection] = set()
        self._head = b" HTTP/1.1\r\nhost: ingle\r\n" + b"".join([b"%b: %b\r\n" % pair for pair in always])
        self._bare_head = b" HTTP/1.1\r\n"

    async def request(
        self,
        method: bytes,
        target: bytes,
        headers: Headers = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        as_is: bool = False,
    ) -> ClientResponse:
        """Send a request and return the response as soon as its head is here.

        A body that is an iterator goes out chunked, or as it is where `headers` hold content-length. With `as_is` the
        headers are sent just as given: nothing is added. Raises ConnectionFailedError where nothing
        was sent, DisconnectedError where the answer did not come.
        """
        pieces = [method, b" ", target, self._bare_head if as_is else self._head]
        pieces += [b"%b: %b\r\n" % pair for pair in headers]
        if isinstance(body, bytes):
            pieces.append(b"content-length: %d\r\n\r\n" % len(body))
            pieces.append(body)
            connection = self._take_idle() or await self._connect()
            answer = connection.begin(method)
            connection.transport.write(b"".join(pieces))
            return await self._wait(connection, answer)
        return await self._request_streamed(pieces, method, headers, body)

    async def post(self, target: bytes, lines: bytes, body: bytes) -> ClientResponse:
        """Do as `request`, with header lines that are rendered already: a hot path knows which it has."""
        connection = self._take_idle() or await self._connect()
        answer = connection.begin(b"POST")
        connection.transport.write(
            b"POST %b%b%bcontent-length: %d\r\n\r\n%b" % (target, self._head, lines, len(body), body)
        )
        return await self._wait(connection, answer)

    async def _wait(
        self, connection: _ClientConnection, answer: "asyncio.Future[ClientResponse | None]"
    ) -> ClientResponse:
        try:
            response = await answer
        except asyncio.CancelledError:
            connection.give_up(answer)
            raise
        if response is None:
            raise DisconnectedError(connection.failure)
        return response

    async def _request_streamed(
        self, pieces: list[bytes], method: bytes, headers: Headers, body: AsyncIterator[bytes]
    ) -> ClientResponse:
        is_chunked = not any(name == b"content-length" for name, _ in headers)
        pieces.append(b"transfer-encoding: chunked\r\n\r\n" if is_chunked else b"\r\n")
        connection = self._take_idle() or await self._connect()
        answer = connection.begin(method)
        connection.transport.write(b"".join(pieces))
        upload = asyncio.ensure_future(self._upload(connection, body, is_chunked))
        connection.uploading(upload)
        try:
            await asyncio.wait((upload, answer), return_when=asyncio.FIRST_COMPLETED)
            has_answer = answer.done() and answer.result() is not None
            failure = upload.result() if upload.done() and not upload.cancelled() else ""
            if failure and not has_answer:
                raise DisconnectedError(failure)
            return await self._wait(connection, answer)
        except BaseException:
            connection.give_up(answer)
            raise

    async def _upload(self, connection: _ClientConnection, body: AsyncIterator[bytes], is_chunked: bool) -> str:
        """Send a body; return why it broke off, "" where it did not."""
        try:
            async for piece in body:
                if not piece:  # an empty chunk would end the body, and what follows be read as a request
                    continue
                connection.transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
                if connection.gate.closed:
                    await connection.gate.wait()
        except DisconnectedError as error:
            return str(error)
        finally:
            if isinstance(body, AsyncGenerator):  # what it holds is freed now, not when it is collected
                await body.aclose()
        if is_chunked:
            connection.transport.write(b"0\r\n\r\n")
        return ""

    def _take_idle(self) -> _ClientConnection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _connect(self) -> _ClientConnection:
        loop, address = asyncio.get_running_loop(), self._address
        try:
            if isinstance(address, str):
                _, connection = await loop.create_unix_connection(lambda: _ClientConnection(self), address)
            else:
                _, connection = await loop.create_connection(
                    lambda: _ClientConnection(self), address.host, address.port, ssl=address.tls
                )
        except (OSError, socket.gaierror) as error:
            raise ConnectionFailedError(f"can't connect to {address}: {error.strerror}") from error
        self._all.add(connection)
        return connection

    def release(self, connection: _ClientConnection) -> None:
        self._idle.append(connection)

    def discard(self, connection: _ClientConnection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Close every connection; requests under way fail."""
        for connection in tuple(self._all):
            connection.transport.abort()
