"""The HTTP server from outside: exchanges in order over one connection, as RFC 9112 has them."""

import asyncio
import select
from pathlib import Path
from typing import Any

import pytest
from http_wire import HEALTHY, connected, conversing, echo, plain_client, request, serving, settle

from ingle.transport import DisconnectedError, Exchange


async def test_a_connection_serves_one_request_after_another(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        for number in range(5):
            answer = await peer.ask(request(b"/%d" % number, b"x" * number))
            assert answer.body == b"POST /%d " % number + b"x" * number
            assert answer.header(b"connection") is None


async def test_requests_of_one_connection_are_answered_in_order(tmp_path: Path) -> None:
    gates = {b"/0": asyncio.Event(), b"/1": asyncio.Event()}
    seen: list[bytes] = []

    async def handler(exchange: Exchange) -> None:
        seen.append(exchange.target)
        if exchange.target in gates:
            await gates[exchange.target].wait()
        exchange.respond(200, (), exchange.target)

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(b"".join(request(b"/%d" % number, b"body") for number in range(4)))
        await settle()
        assert seen == [b"/0"]
        gates[b"/1"].set()
        gates[b"/0"].set()
        assert [(await peer.read_response()).body for _ in range(4)] == [b"/0", b"/1", b"/2", b"/3"]
        assert seen == [b"/0", b"/1", b"/2", b"/3"]


async def test_a_handler_that_answers_at_once_serves_pipelined_requests_too(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(200, (), exchange.target)) as peer:
        peer.send(b"".join(request(b"/%d" % number, method=b"GET") for number in range(100)))
        for number in range(100):
            assert (await peer.read_response()).body == b"/%d" % number


async def test_pipelined_answers_short_and_long_keep_their_order_and_none_is_lost_before_the_end(
    tmp_path: Path,
) -> None:
    sizes = [10, 5000, 0, 4000, 300_000, 7, 1]

    def handler(exchange: Exchange) -> None:
        exchange.respond(200, (), exchange.target * sizes[int(exchange.target[1:])])

    async with conversing(tmp_path / "s", handler) as peer:
        *first, last = (request(b"/%d" % number, method=b"GET") for number in range(len(sizes)))
        peer.send(b"".join(first) + last.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        for number, size in enumerate(sizes):
            assert (await peer.read_response()).body == b"/%d" % number * size
        assert await peer.read_to_end() == b""


async def test_who_waits_elsewhere_is_answered_before_the_peer_that_only_asks_for_more(tmp_path: Path) -> None:
    """A runtime's answer and its wish for the next event come in one message: the caller is woken first."""
    waiting: list[Exchange] = []
    told_already: list[bool] = []

    async def caller(exchange: Exchange) -> None:
        waiting.append(exchange)

    def handler(exchange: Exchange) -> Any:
        if exchange.target == b"/caller":
            return caller(exchange)
        if exchange.target == b"/next":
            told_already.append(bool(select.select([runtime], [], [], 0)[0]))
            waiting.pop().respond(200, (), b"for the caller")
        exchange.respond(202, (), exchange.target)
        return None

    async with conversing(tmp_path / "s", handler) as peer:
        with plain_client(tmp_path / "s") as runtime:
            peer.send(request(b"/caller", method=b"GET"))
            await settle()
            runtime.send(request(b"/answer", method=b"GET") + request(b"/next", method=b"GET"))
            assert (await peer.read_response()).body == b"for the caller"
            await settle()
            assert runtime.recv(4096).count(b"HTTP/1.1 202") == 2
    assert told_already == [False]


async def test_more_requests_than_may_wait_on_a_connection_end_it(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(200, (), exchange.target)) as peer:
        peer.send(b"".join(request(b"/%d" % number, method=b"GET") for number in range(300)))
        assert (await peer.read_response()).body == b"/0"
        assert (await peer.read_to_end()).startswith(b"HTTP/1.1 400 ")


async def test_a_request_cut_at_every_byte_is_the_same_request(tmp_path: Path) -> None:
    raw = request(b"/cut?a=1", b"body")
    async with conversing(tmp_path / "s", echo) as peer:
        for at in range(len(raw)):
            peer.send(raw[:at])
            await asyncio.sleep(0)
            assert (await peer.ask(raw[at:])).body == b"POST /cut?a=1 body"


async def test_a_chunked_body_is_put_together_and_its_trailers_are_no_headers(tmp_path: Path) -> None:
    kept: list[list[tuple[bytes, bytes]]] = []

    async def handler(exchange: Exchange) -> None:
        await echo(exchange)
        kept.extend((exchange.headers, exchange.trailers))

    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw += b'4;ext=1;other="a b"\r\nbody\r\nA\r\n0123456789\r\n0\r\nhost: evil\r\nx-trailer: 1\r\n\r\n'
    async with conversing(tmp_path / "s", handler) as peer:
        assert (await peer.ask(raw)).body == b"POST / body0123456789"
        assert kept == [
            [(b"host", b"a"), (b"transfer-encoding", b"chunked")],
            [(b"host", b"evil"), (b"x-trailer", b"1")],
        ]
        assert (await peer.ask(HEALTHY)).body == b"GET /healthy "


async def test_a_client_is_told_to_continue_once_its_body_is_wanted(tmp_path: Path) -> None:
    wanted = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await wanted.wait()
        await echo(exchange)

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(b"PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 4\r\n\r\n")
        await settle()
        wanted.set()
        assert (await peer.read_head()).status == 100
        assert (await peer.ask(b"body")).body == b"PUT / body"
        assert (await peer.ask(HEALTHY)).status == 200


async def test_a_client_that_does_not_wait_is_not_told_to_continue(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        answer = await peer.ask(b"PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nbody")
        assert (answer.status, answer.body) == (200, b"PUT / body")


async def test_a_body_that_is_refused_before_it_is_sent_is_not_asked_for(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(403, (), b"no")) as peer:
        answer = await peer.ask(b"PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        assert (answer.status, answer.header(b"connection")) == (403, b"close")
        assert await peer.read_to_end() == b""


async def test_an_old_client_is_never_told_to_continue(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        peer.send(b"PUT / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n")
        await settle()
        assert (await peer.ask(b"body")).status == 200


async def test_an_answer_to_head_has_a_length_and_no_body(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(200, (), b"four")) as peer:
        peer.send(request(method=b"HEAD"))
        answer = await peer.read_response(bodiless=True)
        assert answer.header(b"content-length") == b"4"
        assert (await peer.ask(HEALTHY)).body == b"four"


async def test_a_streamed_answer_to_head_has_no_body(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ((b"content-type", b"a/b"),))
        await exchange.write(b"piece")
        exchange.finish()

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(request(method=b"HEAD"))
        assert (await peer.read_response(bodiless=True)).header(b"transfer-encoding") == b"chunked"
        assert (await peer.ask(HEALTHY)).body == b"piece"


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_content_has_no_length(tmp_path: Path, status: int) -> None:
    async with conversing(tmp_path / "s", lambda exchange: exchange.respond(status, ())) as peer:
        for _ in range(2):
            answer = await peer.ask(HEALTHY)
            assert (answer.status, answer.headers) == (status, [])


@pytest.mark.parametrize(("header", "keeps"), [(b"", False), (b"connection: keep-alive\r\n", True)])
async def test_an_old_client_keeps_its_connection_only_if_it_asks(tmp_path: Path, header: bytes, keeps: bool) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        answer = await peer.ask(b"GET / HTTP/1.0\r\n" + header + b"\r\n")
        assert answer.body == b"GET / "
        assert (answer.header(b"connection") == b"close") is not keeps
        assert keeps or await peer.read_to_end() == b""


async def test_an_old_client_gets_a_stream_without_chunks(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        await exchange.write(b"one ")
        await exchange.write(b"two")
        exchange.finish()

    async with conversing(tmp_path / "s", handler) as peer:
        answer = await peer.ask(b"GET / HTTP/1.0\r\n\r\n")
        assert (answer.body, answer.header(b"transfer-encoding")) == (b"one two", None)


async def test_a_client_that_asks_to_close_is_closed_and_nothing_more_is_read(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        answer = await peer.ask(request(b"/1", None, b"connection: close") + request(b"/2"))
        assert (answer.body, answer.header(b"connection")) == (b"POST /1 ", b"close")
        assert await peer.read_to_end() == b""


async def test_a_client_that_shuts_its_side_down_reads_all_its_answers(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo) as peer:
        peer.send(request(b"/1") + request(b"/2"))
        peer.writer.write_eof()
        assert (await peer.read_response()).body == b"POST /1 "
        assert (await peer.read_response()).body == b"POST /2 "
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize("begun", [False, True])
async def test_a_handler_hears_that_its_client_has_gone(tmp_path: Path, begun: bool) -> None:
    gone, asked, kept = asyncio.Event(), asyncio.Event(), []

    async def handler(exchange: Exchange) -> None:
        exchange.on_disconnect(gone.set)
        kept.append(exchange)
        if begun:
            exchange.start(200, ())
        asked.set()

    async with serving(tmp_path / "s", handler):
        client = plain_client(tmp_path / "s")
        client.sendall(HEALTHY)
        await asked.wait()
        assert not kept[0].is_disconnected
        client.close()
        await asyncio.wait_for(gone.wait(), 5)
        assert kept[0].is_disconnected
        kept[0].finish() if begun else kept[0].respond(200, ())
        with pytest.raises(DisconnectedError):
            await kept[0].write(b"late")


async def test_a_handler_does_not_hear_of_a_client_that_goes_after_its_answer(tmp_path: Path) -> None:
    heard: list[bool] = []

    def handler(exchange: Exchange) -> None:
        exchange.on_disconnect(lambda: heard.append(True))
        exchange.respond(200, ())

    async with serving(tmp_path / "s", handler) as server:
        async with connected(tmp_path / "s") as peer:
            await peer.ask(HEALTHY)
        await settle()
        assert (server.connections, heard) == (0, [])


async def test_a_body_that_breaks_off_is_told_to_its_reader(tmp_path: Path) -> None:
    told: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    async def handler(exchange: Exchange) -> None:
        try:
            await exchange.read(100)
        except DisconnectedError as error:
            told.set_result(error)
            raise

    async with serving(tmp_path / "s", handler) as server:
        client = plain_client(tmp_path / "s")
        client.sendall(request(b"/", b"whole")[:-1])
        await settle()
        client.shutdown(1)
        assert isinstance(await asyncio.wait_for(told, 5), DisconnectedError)
        await settle()
        assert server.connections == 0
        client.close()


@pytest.mark.parametrize("is_task", [False, True])
async def test_a_handler_that_fails_is_answered_for(tmp_path: Path, is_task: bool) -> None:
    def fails(exchange: Exchange) -> None:
        raise KeyError("secret")

    async def fails_later(exchange: Exchange) -> None:
        fails(exchange)

    async with conversing(tmp_path / "s", fails_later if is_task else fails) as peer:
        answer = await peer.ask(HEALTHY)
        assert (answer.status, answer.body) == (500, b"Internal failure")
        assert (await peer.ask(HEALTHY)).status == 500


async def test_a_stream_whose_handler_fails_is_cut_and_not_ended(tmp_path: Path) -> None:
    async def handler(exchange: Exchange) -> None:
        exchange.start(200, ())
        await exchange.write(b"half")
        raise KeyError("secret")

    async with conversing(tmp_path / "s", handler) as peer:
        peer.send(HEALTHY)
        assert not (await peer.read_to_end()).endswith(b"0\r\n\r\n")


async def test_an_exchange_is_answered_once(tmp_path: Path) -> None:
    def handler(exchange: Exchange) -> None:
        exchange.respond(200, (), b"first")
        with pytest.raises(RuntimeError):
            exchange.respond(200, (), b"second")
        with pytest.raises(RuntimeError):
            exchange.start(200, ())

    async with conversing(tmp_path / "s", handler) as peer:
        assert (await peer.ask(HEALTHY)).body == b"first"
        assert (await peer.ask(HEALTHY)).body == b"first"
