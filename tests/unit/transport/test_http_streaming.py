"""Bodies stream both ways through the HTTP server, and it holds little of them for a peer or handler that is slow."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from http_wire import HEALTHY, conversing, plain_client, request, serving, settle

from ingle.transport import DisconnectedError, Exchange
from ingle.values import STREAM_BUFFER_BYTES

CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


async def test_an_answer_that_nobody_reads_is_held_to_256_kib(tmp_path: Path) -> None:
    written, piece = [0], bytes(16 * 1024)

    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ((b"content-length", b"999999999999"),))
        while True:
            written[0] += len(piece)
            await exchange.write(piece)

    async with serving(tmp_path / "s", handler):
        client = plain_client(tmp_path / "s")
        client.sendall(HEALTHY)
        for _ in range(3):
            await _until_still(lambda: written[0])
            in_kernel = _take_all(client)  # without a turn of the loop: the server can't refill it meanwhile
            assert 0 < written[0] - in_kernel <= STREAM_BUFFER_BYTES + len(piece)
            written[0] -= in_kernel
        client.close()
        await settle()


async def test_a_body_that_nobody_reads_is_held_to_256_kib(tmp_path: Path) -> None:
    kept: list[Exchange] = []
    async with serving(tmp_path / "s", kept.append):
        client = plain_client(tmp_path / "s")
        client.sendall(request(b"/", None, b"content-length: 60000000"))
        sent = 0
        for _ in range(200):
            with contextlib.suppress(BlockingIOError):
                while True:
                    sent += client.send(bytes(65536))
            await settle()
        assert 0 < sum(map(len, kept[0].body.pieces)) <= STREAM_BUFFER_BYTES
        assert sent < 60_000_000
        client.close()
        await settle()


async def _until_still(measure: Callable[[], int]) -> None:
    before = -1
    while measure() != before:
        before = measure()
        await settle()


def _take_all(client: socket.socket) -> int:
    taken = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            taken += len(client.recv(1 << 20))
    return taken


async def test_a_large_body_that_nobody_read_does_not_deafen_its_connection(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        while not exchange.body.ended:
            await exchange.body.next_piece()  # and what the last read brought stays
        exchange.respond(200, ())

    async with conversing(tmp_path / "s", handler) as peer:
        for _ in range(3):
            assert (await peer.ask(request(b"/", bytes(300_000)))).status == 200
        assert (await peer.ask(HEALTHY)).status == 200


async def test_a_body_that_is_answered_before_its_end_closes_its_connection(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(403, (), b"no")) as peer:
        answer = await peer.ask(request(b"/", bytes(4_000_000)))
        assert (answer.status, answer.header(b"connection")) == (403, b"close")
        assert await peer.read_to_end() == b""


async def test_a_large_body_behind_another_request_is_read_in_its_turn(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await gate.wait()
        body = await exchange.read(1 << 30)
        exchange.respond(200, (), b"%d" % len(body))

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(request(b"/1") + request(b"/2", bytes(2_000_000)) + request(b"/3"))
        await settle()
        gate.set()
        assert [(await peer.read_response()).body for _ in range(3)] == [b"0", b"2000000", b"0"]


async def test_a_body_streams_through_as_it_arrives(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        async for piece in exchange.chunks():
            await exchange.write(piece)
        exchange.finish()

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(CHUNKED + b"5\r\nfirst\r\n")
        await peer.read_head()
        assert await peer.reader.readexactly(10) == b"5\r\nfirst\r\n"
        peer.send(b"6\r\nsecond\r\n0\r\n\r\n")
        assert await peer.reader.readexactly(16) == b"6\r\nsecond\r\n0\r\n\r\n"


async def test_a_writer_to_a_client_that_goes_is_told(tmp_path: Path) -> None:
    told: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        try:
            while True:
                await exchange.write(bytes(65536))
        except DisconnectedError as error:
            told.set_result(error)

    async with serving(tmp_path / "s", handler):
        client = plain_client(tmp_path / "s")
        client.sendall(HEALTHY)
        await settle()
        client.close()
        assert isinstance(await asyncio.wait_for(told, 5), DisconnectedError)
