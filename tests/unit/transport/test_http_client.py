"""The HTTP client from outside, against servers that say byte for byte what a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from http_wire import echo, serving, settle

from ingle.transport import (
    BodyTooLargeError,
    ConnectionFailedError,
    DisconnectedError,
    Exchange,
    HttpClient,
)
from ingle.values import STREAM_BUFFER_BYTES

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def talking(path: Path, talk: Talk) -> AsyncIterator[HttpClient]:
    """Serve each connection by `talk`, which reads and writes raw bytes; give a client of it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_unix_server(serve, path)
    client = HttpClient(str(path))
    try:
        yield client
    finally:
        client.close()
        server.close()
        await settle()


def saying(*answers: bytes) -> Talk:
    """Give one answer to each request without a body, then close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return talk


@contextlib.asynccontextmanager
async def asking(path: Path, *answers: bytes) -> AsyncIterator[HttpClient]:
    async with talking(path, saying(*answers)) as client:
        yield client


async def get(client: HttpClient, target: bytes = b"/") -> bytes:
    response = await client.request(b"GET", target)
    return await response.read(1 << 20)


async def test_a_connection_is_kept_and_the_last_used_is_used_first(tmp_path: Path) -> None:
    gates: list[asyncio.Event] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number, gate = len(gates), asyncio.Event()
        gates.append(gate)
        while await reader.readuntil(b"\r\n\r\n"):
            await gate.wait()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n%d" % number)

    async with talking(tmp_path / "s", talk) as client:
        tasks = [asyncio.create_task(get(client)) for _ in range(3)]
        await settle()
        for number in (2, 0, 1):
            gates[number].set()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            tasks = [task for task in tasks if not task.done()]
        assert [await get(client) for _ in range(3)] == [b"1", b"1", b"1"]
        assert sorted(await asyncio.gather(*[get(client) for _ in range(3)])) == [b"0", b"1", b"2"]


async def test_a_request_says_who_asks_and_how_long_it_is(tmp_path: Path) -> None:
    heads: list[list[tuple[bytes, bytes]]] = []

    async def handler(exchange: Exchange) -> None:
        heads.append(exchange.headers)
        await echo(exchange)

    async with serving(tmp_path / "s", handler):
        client = HttpClient(str(tmp_path / "s"), always=((b"x-always", b"1"),))
        response = await client.request(b"POST", b"/a?b", ((b"name", b"value"),), b"body")
        assert (response.status, await response.read(100)) == (200, b"POST /a?b body")
        always = (b"x-always", b"1")
        assert heads == [[(b"host", b"ingle"), always, (b"name", b"value"), (b"content-length", b"4")]]
        await client.request(b"GET", b"/", ((b"host", b"as.is"),), as_is=True)
        assert heads[1] == [(b"host", b"as.is"), (b"content-length", b"0")]
        client.close()


async def test_a_connection_that_was_closed_meanwhile_is_not_used_again(tmp_path: Path) -> None:
    async with asking(tmp_path / "s", OK) as client:
        for _ in range(3):
            assert await get(client) == b"ok"
            await settle()


async def test_a_peer_that_asks_to_close_gets_a_new_connection(tmp_path: Path) -> None:
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with asking(tmp_path / "s", closing, closing) as client:
        assert [await get(client), await get(client)] == [b"ok", b"ok"]


async def test_nobody_listening_is_a_failed_connection(tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"never"

    client = HttpClient(str(tmp_path / "none"))
    for sent in (b"", body()):
        with pytest.raises(ConnectionFailedError):
            await client.request(b"POST", b"/", (), sent)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"junk\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0" * 100,
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_an_answer_without_a_head_is_a_disconnection(tmp_path: Path, answer: bytes) -> None:
    async with asking(tmp_path / "s", answer) as client:
        with pytest.raises(DisconnectedError):
            await client.request(b"GET", b"/")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nsh",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\nx\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
async def test_a_body_that_breaks_off_is_a_disconnection(tmp_path: Path, answer: bytes) -> None:
    async with asking(tmp_path / "s", answer) as client:
        with pytest.raises(DisconnectedError):
            await get(client)


async def test_a_body_without_length_ends_with_its_connection(tmp_path: Path) -> None:
    async with asking(tmp_path / "s", b"HTTP/1.1 200 OK\r\n\r\nall of it") as client:
        assert await get(client) == b"all of it"
        assert await get(client) == b"all of it"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_content_leaves_the_connection_open(tmp_path: Path, status: bytes) -> None:
    async with asking(tmp_path / "s", b"HTTP/1.1 " + status + b"\r\n\r\n", OK) as client:
        assert [await get(client), await get(client)] == [b"", b"ok"]


async def test_an_answer_to_head_ends_with_its_head(tmp_path: Path) -> None:
    async with asking(tmp_path / "s", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n") as client:
        response = await client.request(b"HEAD", b"/")
        assert (response.header(b"content-length"), await response.read(10)) == (b"5", b"")


async def test_a_hundred_continue_is_passed_over(tmp_path: Path) -> None:
    async with asking(tmp_path / "s", b"HTTP/1.1 100 Continue\r\n\r\n" + OK) as client:
        assert await get(client) == b"ok"


@pytest.mark.parametrize("extra", [OK, b"junk", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
async def test_a_peer_that_answers_twice_is_not_asked_again(tmp_path: Path, extra: bytes) -> None:
    async with asking(tmp_path / "s", OK.replace(b"ok", b"no") + extra, OK) as client:
        assert await get(client) == b"no"
        await settle()
        both = [asyncio.create_task(get(client, b"/%d" % number)) for number in range(2)]
        assert await asyncio.gather(*both) == [b"no", b"no"]


async def test_an_answer_that_nobody_asked_for_closes_its_connection(tmp_path: Path) -> None:
    tell = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(OK)(reader, writer)
        await tell.wait()
        writer.write(OK.replace(b"ok", b"no"))
        assert await reader.read() == b""

    async with talking(tmp_path / "s", talk) as client:
        assert await get(client) == b"ok"
        tell.set()
        await settle()
        assert list(await asyncio.gather(get(client), get(client))) == [b"ok", b"ok"]


@pytest.mark.parametrize("size", [300_000, 5_000_000])
async def test_a_large_answer_leaves_its_connection_fit_for_the_next(tmp_path: Path, size: int) -> None:
    async with serving(tmp_path / "s", lambda exchange: exchange.respond(200, (), bytes(size))) as server:
        client = HttpClient(str(tmp_path / "s"))
        for _ in range(3):
            response = await client.request(b"GET", b"/")
            assert len(await response.read(size)) == size
        assert server.connections == 1
        client.close()


async def test_an_answer_that_nobody_reads_is_held_to_256_kib(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", lambda exchange: exchange.respond(200, (), bytes(20_000_000))):
        client = HttpClient(str(tmp_path / "s"))
        response = await client.request(b"GET", b"/")
        for _ in range(20):
            await settle()
        assert 0 < sum(map(len, response.body.pieces)) <= STREAM_BUFFER_BYTES
        with pytest.raises(BodyTooLargeError):
            await response.read(1_000_000)
        response.close()
        await settle()
        client.close()


async def test_trailers_are_told_behind_the_body_and_are_no_headers(tmp_path: Path) -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n%b\r\n"
    async with asking(tmp_path / "s", chunked % b"X-End: well\r\n", chunked % b"") as client:
        for trailers in ([(b"x-end", b"well")], []):
            answer = await client.request(b"GET", b"/")
            assert await answer.read(10) == b"ok"
            assert (answer.header(b"x-end"), answer.trailers) == (None, trailers)


async def test_an_answer_with_too_many_trailers_is_none(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    async with asking(tmp_path / "s", head + b"a: 1\r\n" * 65 + b"\r\n") as client:
        with pytest.raises(DisconnectedError):
            await (await client.request(b"GET", b"/")).read(10)
