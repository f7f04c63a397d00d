"""Bodies that break off leave nothing behind: no cycle keeps them until a collection that may never come."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from http_wire import settle
from memory_oracle import PIECE_BYTES, leaves_nothing
from signing import sign

from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.environments import VersionKey
from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.fleet.fleet import Ages, Fleet
from ingle.gateway.fleet.scaling import Scaling
from ingle.gateway.metrics import Metrics
from ingle.keys import FileRootKey, Keyring
from ingle.links.gateway_control import ControlClient
from ingle.links.gateway_worker import Endpoint, WorkerClient
from ingle.store import EventRepository, open_queue
from ingle.transport import DisconnectedError, Exchange, HttpClient, HttpServer, Intake, serve_http, unix_listener
from ingle.values import FunctionArn, IngleError, SystemClock

PIECE = bytes(PIECE_BYTES)
HEADS = (
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4000000\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ncontent-length: 4000000\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n",
)


@contextlib.asynccontextmanager
async def link(path: Path) -> AsyncIterator[socket.socket]:
    """A socket of our own, so that no client's memory is counted."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, str(path))
        yield peer


def framed(head: bytes, piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece) if b"chunked" in head else piece


async def broken(path: Path, source: random.Random) -> None:
    """Send a request whose body breaks off: by an end, by a half close, by bytes that are no chunk."""
    head = source.choice(HEADS)
    loop = asyncio.get_running_loop()
    async with link(path) as peer:
        await loop.sock_sendall(peer, head)
        for _ in range(2):
            await loop.sock_sendall(peer, framed(head, PIECE))
        await asyncio.sleep(0.001)
        way = source.randrange(3)
        if way == 1:
            peer.shutdown(socket.SHUT_WR)
        elif way == 2 and b"chunked" in head:
            await loop.sock_sendall(peer, b"not a chunk\r\n")
        await asyncio.sleep(0.001)
    await settle()


@contextlib.asynccontextmanager
async def serving(path: Path, handler: Callable[[Exchange], Awaitable[None]]) -> AsyncIterator[HttpServer]:
    server = await serve_http(handler, unix_listener(path))  # type: ignore[arg-type]
    try:
        yield server
    finally:
        await server.drain(0)


async def reads_whole(exchange: Exchange) -> None:
    exchange.respond(200, (), await exchange.read(1 << 30))


async def reads_pieces(exchange: Exchange) -> None:
    kept = [piece async for piece in exchange.chunks()]
    exchange.respond(200, (), b"".join(kept))


async def reads_and_says_why(exchange: Exchange) -> None:
    try:
        await explained(exchange)
    except IngleError as error:
        exchange.respond(500, (), str(error).encode())


async def explained(exchange: Exchange) -> None:
    try:
        await exchange.read(1 << 30)
    except DisconnectedError as error:
        raise IngleError("the body broke off") from error


async def takes_in(exchange: Exchange) -> None:
    with Intake(1 << 30).hold("somebody") as holding:
        exchange.respond(200, (), await holding.read(exchange, 1 << 30))


async def reads_nothing(exchange: Exchange) -> None:
    await asyncio.sleep(0.002)
    exchange.respond(400, ())


async def writes_back(exchange: Exchange) -> None:
    exchange.start(200, ())
    async for piece in exchange.chunks():
        await exchange.write(piece * 4)
    exchange.finish()


READERS = [reads_whole, reads_pieces, reads_and_says_why, takes_in, reads_nothing, writes_back]


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.__name__)
async def test_a_request_that_breaks_off_leaves_no_memory(
    reader: Callable[[Exchange], Awaitable[None]], tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    async with serving(path, reader):
        await leaves_nothing(lambda source: broken(path, source))


async def test_a_request_that_is_passed_on_and_breaks_off_leaves_no_memory(tmp_path: Path) -> None:
    behind, path = tmp_path / "behind", tmp_path / "socket"
    client = HttpClient(str(behind))

    async def passes_on(exchange: Exchange) -> None:
        answer = await client.request(b"POST", b"/", [], exchange.chunks())
        exchange.respond(answer.status, (), await answer.read(1 << 30))

    async with serving(behind, reads_whole), serving(path, passes_on):
        await leaves_nothing(lambda source: broken(path, source))
    client.close()


async def test_an_answer_that_breaks_off_leaves_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    client = HttpClient(str(path))

    async def breaks_off(exchange: Exchange) -> None:
        if exchange.target == b"/late":
            exchange.start(200, [(b"content-length", b"4000000")])
            for _ in range(2):
                await exchange.write(PIECE)
            await asyncio.sleep(0.001)
        exchange.abort()

    async def ask(source: random.Random) -> None:
        payload = PIECE + b"x"  # a caller's, which waits in a frame for the answer
        target = source.choice((b"/late", b"/at-once"))
        for body in (payload, streamed(payload)):
            with contextlib.suppress(DisconnectedError):
                answer = await client.request(b"POST", target, [], body)
                await answer.read(1 << 30)

    async with serving(path, breaks_off):
        await leaves_nothing(ask)
    client.close()


async def streamed(payload: bytes) -> AsyncIterator[bytes]:
    yield payload


# Waiting for what others do: an error that several are told must not keep what each of them holds meanwhile.


async def holding(work: Coroutine[None, None, object]) -> None:
    """Wait as a handler does that has a payload."""
    payload = bytearray(PIECE_BYTES)
    with contextlib.suppress(IngleError):
        await work
    payload.clear()


async def held(work: Coroutine[None, None, object]) -> None:
    payload = bytearray(PIECE_BYTES)
    await work
    payload.clear()


async def test_a_signature_that_nobody_can_check_leaves_no_memory(tmp_path: Path) -> None:
    authenticator = Authenticator(ControlClient(Endpoint(address=str(tmp_path / "nobody"))), SystemClock())
    wire: Any = sign()

    async def ask(source: random.Random) -> None:
        await holding(held(authenticator.recognise(wire)))

    await leaves_nothing(ask)


async def test_an_environment_that_does_not_start_leaves_no_memory(tmp_path: Path) -> None:
    key = VersionKey(account="000000000000", region="us-east-1", function="f", version="1", revision="r")
    client = WorkerClient(Endpoint(address=str(tmp_path / "worker")))
    fleet = Fleet(client, SystemClock(), Ages(idle_s=60, most_s=600), Metrics(), Scaling(), tenant_limit=2)

    async def refuses(exchange: Exchange) -> None:
        exchange.respond(503, (), b'{"message":"no room"}')

    async def ask(source: random.Random) -> None:
        await holding(held(fleet.wait(key)))

    async with serving(tmp_path / "worker", refuses):
        await leaves_nothing(ask)
    client.close()


async def test_an_event_that_is_not_kept_leaves_no_memory(tmp_path: Path) -> None:
    database = open_queue(tmp_path / "queue.sqlite")
    keyring = Keyring(FileRootKey(tmp_path / "root.key"))
    queue = EventQueue(EventRepository(database), keyring, SystemClock())
    database.execute("PRAGMA query_only = 1")
    arn = FunctionArn(region="us-east-1", account="000000000000", name="f", qualifier=None)

    async def accept(source: random.Random) -> None:
        await holding(queue.accept(arn, "r", Delivery(trace=b"", payload=bytes(PIECE_BYTES))))

    await leaves_nothing(accept)
    await queue.close()
