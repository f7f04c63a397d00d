"""A server on a Unix socket, a client that says byte for byte what a test wants, and a clock that a test advances."""

import asyncio
import contextlib
import dataclasses
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from ingle.transport import Exchange, Handler, HttpServer, ServerLimits, serve_http, unix_listener

HEALTHY = b"GET /healthy HTTP/1.1\r\nhost: a\r\n\r\n"
PATIENCE_S = 5.0
"""No test waits this long; one that would is wrong."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: bytes) -> bytes | None:
        return dict(self.headers).get(name)


class Peer:
    """The other end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_head(self) -> Response:
        """Read the head of a response, be it only 100 Continue."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        assert first.startswith(b"HTTP/1.1 "), first
        headers = [(line.partition(b": ")[0].lower(), line.partition(b": ")[2]) for line in lines]
        return Response(status=int(first.split(b" ")[1]), headers=headers, body=b"")

    async def read_response(self, *, bodiless: bool = False) -> Response:
        """Read one whole response, by its length or its chunks or up to the connection's end."""
        head = await self.read_head()
        async with asyncio.timeout(PATIENCE_S):
            if bodiless or head.status in (204, 304):
                return head
            if head.header(b"transfer-encoding") == b"chunked":
                return dataclasses.replace(head, body=await self._read_chunks())
            length = head.header(b"content-length")
            body = await self.reader.read() if length is None else await self.reader.readexactly(int(length))
            return dataclasses.replace(head, body=body)

    async def _read_chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readuntil(b"\r\n") == b"\r\n"
        return body

    async def read_to_end(self) -> bytes:
        """Read until the server closes; a reset is an end too."""
        data = b""
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    data += piece
        return data

    async def ask(self, data: bytes) -> Response:
        self.send(data)
        return await self.read_response()

    def close(self) -> None:
        self.writer.close()


@contextlib.asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Peer]:
    peer = Peer(*await asyncio.open_unix_connection(path))
    try:
        yield peer
    finally:
        peer.close()
        with contextlib.suppress(ConnectionError):
            await peer.writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(path: Path, handler: Handler, **limits: Any) -> AsyncIterator[HttpServer]:
    server = await serve_http(handler, unix_listener(path), limits=ServerLimits(**limits))
    try:
        yield server
    finally:
        await server.drain(0)
        await settle()


@contextlib.asynccontextmanager
async def conversing(path: Path, handler: Handler, **limits: Any) -> AsyncIterator[Peer]:
    """Serve and connect."""
    async with serving(path, handler, **limits), connected(path) as peer:
        yield peer


async def settle() -> None:
    """Let everything that can happen by itself happen."""
    for _ in range(30):
        await asyncio.sleep(0)


async def echo(exchange: Exchange) -> None:
    """Answer with the request's method, target and body."""
    body = await exchange.read(1 << 30)
    exchange.respond(200, (), exchange.method + b" " + exchange.target + b" " + body)


def request(target: bytes = b"/", body: bytes | None = None, *headers: bytes, method: bytes = b"POST") -> bytes:
    """Return a valid request; without a body it has no length."""
    lines = [b"%b %b HTTP/1.1" % (method, target), b"host: a", *headers]
    if body is not None:
        lines.append(b"content-length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body or b""])


def plain_client(path: Path) -> socket.socket:
    """Connect a socket that nothing reads or writes behind the test's back."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    client.setblocking(False)
    return client


class HandClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock a test moves on."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


def run_by_hand_clock(test: Callable[[HandClockLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a test that says itself how time goes by."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, HandClockLoop)
        await test(loop)

    with asyncio.Runner(loop_factory=HandClockLoop) as runner:
        runner.run(run())
