"""Requests that the HTTP client streams, and requests that are given up."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from http_wire import echo, serving, settle

from ingle.transport import ClientResponse, DisconnectedError, Exchange, HttpClient
from ingle.values import STREAM_BUFFER_BYTES


class Source:
    """A body that a test lets out piece by piece, and that knows how it ended."""

    def __init__(self, *pieces: bytes, stays: bool = False) -> None:
        self.pieces = pieces
        self.stays = stays
        self.given = 0
        self.ended = asyncio.Event()

    async def body(self) -> AsyncIterator[bytes]:
        try:
            for piece in self.pieces:
                self.given += len(piece)
                yield piece
            if self.stays:
                await asyncio.Event().wait()
        finally:
            self.ended.set()


async def post(client: HttpClient, source: Source, *headers: tuple[bytes, bytes]) -> ClientResponse:
    return await client.request(b"POST", b"/", headers, source.body())


async def test_a_body_goes_out_in_chunks_or_by_its_length(tmp_path: Path) -> None:
    heads: list[dict[bytes, bytes]] = []

    async def handler(exchange: Exchange) -> None:
        heads.append(dict(exchange.headers))
        await echo(exchange)

    async with serving(tmp_path / "s", handler) as server:
        client = HttpClient(str(tmp_path / "s"))
        response = await post(client, Source(b"one ", b"", b"two"))
        assert await response.read(100) == b"POST / one two"
        response = await post(client, Source(b"one ", b"two"), (b"content-length", b"7"))
        assert await response.read(100) == b"POST / one two"
        assert heads[0][b"transfer-encoding"] == b"chunked"
        assert heads[1][b"content-length"] == b"7"
        await settle()
        assert server.connections == 1
        client.close()


async def test_an_empty_piece_does_not_end_a_body(tmp_path: Path) -> None:
    hidden = b"GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
    targets: list[bytes] = []

    async def handler(exchange: Exchange) -> None:
        targets.append(exchange.target)
        await echo(exchange)

    async with serving(tmp_path / "s", handler):
        client = HttpClient(str(tmp_path / "s"))
        response = await post(client, Source(b"", hidden, b"", b"", hidden))
        assert await response.read(1000) == b"POST / " + hidden * 2
        assert targets == [b"/"]
        client.close()


async def test_an_answer_may_come_before_the_body_has_gone_out(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", lambda exchange: exchange.respond(413, (), b"too large")) as server:
        client = HttpClient(str(tmp_path / "s"))
        source = Source(b"piece", stays=True)
        response = await post(client, source)
        assert (response.status, await response.read(100)) == (413, b"too large")
        await asyncio.wait_for(source.ended.wait(), 5)
        await settle()
        assert server.connections == 0
        client.close()


async def test_an_answer_streams_while_its_request_still_does(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        async for piece in exchange.chunks():
            await exchange.write(piece.upper())
        exchange.finish()

    gate = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"second"

    async with serving(tmp_path / "s", handler) as server:
        client = HttpClient(str(tmp_path / "s"))
        response = await client.request(b"POST", b"/", (), body())
        pieces = response.chunks()
        assert await anext(pieces) == b"FIRST"
        gate.set()
        assert [piece async for piece in pieces] == [b"SECOND"]
        await client.request(b"POST", b"/", (), b"again")
        assert server.connections == 1
        client.close()


async def test_a_body_that_nobody_takes_is_held_back(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", lambda exchange: None) as server:
        client = HttpClient(str(tmp_path / "s"))
        source = Source(*[bytes(65536)] * 1000)
        asking = asyncio.create_task(post(client, source))
        for _ in range(50):
            await settle()
        in_kernel = 2 * 1024 * 1024  # more than a Unix socket holds
        assert STREAM_BUFFER_BYTES < source.given < 4 * STREAM_BUFFER_BYTES + in_kernel
        await server.drain(0)
        with pytest.raises(DisconnectedError):
            await asking
        await asyncio.wait_for(source.ended.wait(), 5)


async def test_a_body_whose_source_fails_fails_its_request(tmp_path: Path) -> None:
    told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def handler(exchange: Exchange) -> None:
        try:
            await exchange.read(1000)
        except DisconnectedError:
            told.set_result(True)

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise KeyError("source")

    async with serving(tmp_path / "s", handler) as server:
        client = HttpClient(str(tmp_path / "s"))
        with pytest.raises(KeyError):
            await client.request(b"POST", b"/", (), body())
        assert await asyncio.wait_for(told, 5)
        await settle()
        assert server.connections == 0


@pytest.mark.parametrize("streams", [False, True])
async def test_a_request_that_is_cancelled_closes_its_connection(tmp_path: Path, streams: bool) -> None:
    gone, asked = asyncio.Event(), asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.on_disconnect(gone.set)
        asked.set()
        await exchange.read(1000)

    async with serving(tmp_path / "s", handler) as server:
        client = HttpClient(str(tmp_path / "s"))
        source = Source(b"piece", stays=True)
        request = post(client, source) if streams else client.request(b"GET", b"/")
        asking = asyncio.create_task(request)
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(gone.wait(), 5)
        if streams:
            await asyncio.wait_for(source.ended.wait(), 5)
        await settle()
        assert server.connections == 0


@pytest.mark.parametrize("turns", range(8))
async def test_a_request_cancelled_as_its_answer_comes_leaves_the_next_caller_alone(tmp_path: Path, turns: int) -> None:
    gate, answered = asyncio.Event(), asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        if exchange.target == b"/next":
            await gate.wait()
        exchange.respond(200, (), exchange.target)
        answered.set()

    async with serving(tmp_path / "s", handler) as server:
        client = HttpClient(str(tmp_path / "s"))
        first = asyncio.create_task(client.request(b"GET", b"/first"))
        await answered.wait()
        for _ in range(turns):  # in one of them the answer is here, and its caller has not run yet
            await asyncio.sleep(0)
        following = asyncio.ensure_future(client.request(b"GET", b"/next"))
        await asyncio.sleep(0)
        first.cancel()
        await settle()
        gate.set()
        assert await (await following).read(100) == b"/next"
        assert server.connections <= 2
        client.close()


async def test_a_peer_that_goes_within_a_streamed_answer_is_told_to_its_reader(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        await exchange.write(b"half")
        exchange.abort()

    async with serving(tmp_path / "s", handler):
        client = HttpClient(str(tmp_path / "s"))
        response = await client.request(b"GET", b"/")
        with pytest.raises(DisconnectedError):
            await response.read(100)


async def test_closing_a_client_ends_its_requests(tmp_path: Path) -> None:
    asked = asyncio.Event()
    async with serving(tmp_path / "s", lambda exchange: asked.set()) as server:
        client = HttpClient(str(tmp_path / "s"))
        asking = asyncio.create_task(client.request(b"GET", b"/"))
        await asked.wait()
        client.close()
        with pytest.raises(DisconnectedError):
            await asking
        await settle()
        assert server.connections == 0
