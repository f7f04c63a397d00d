"""What the HTTP server refuses to hold or to wait for, and how it drains."""

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
from http_wire import (
    HEALTHY,
    PATIENCE_S,
    HandClockLoop,
    connected,
    conversing,
    echo,
    plain_client,
    request,
    run_by_hand_clock,
    serving,
    settle,
)

from ingle.transport import Exchange, ServerLimits, serve_http, tcp_listener
from ingle.transport.limits import origin_of
from ingle.values import STREAM_BUFFER_BYTES

CHUNKED = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"x" * 2000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: a\r\nname: " + b"x" * 2000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"x" * 2000, 431),
        (b"GET / HTTP/1.1\r\nhost: a\r\n" + b"a: 1\r\n" * 20 + b"\r\n", 431),
        (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 501\r\n\r\n", 413),
        (CHUNKED + b"1f5\r\n" + b"x" * 501 + b"\r\n0\r\n\r\n", 413),
        (CHUNKED + b"fa\r\n" + b"x" * 250 + b"\r\nfb\r\n" + b"x" * 251, 413),
    ],
)
@pytest.mark.parametrize("piecewise", [False, True])
async def test_what_is_too_large_is_refused(tmp_path: Path, raw: bytes, status: int, piecewise: bool) -> None:
    async with conversing(tmp_path / "s", echo, header_bytes=1000, header_count=20, body_bytes=500) as peer:
        for at in range(0, len(raw), 100 if piecewise else len(raw)):
            peer.send(raw[at : at + (100 if piecewise else len(raw))])
            await settle()
        answer = await peer.read_response()
        assert (answer.status, answer.header(b"connection")) == (status, b"close")
        assert await peer.read_to_end() == b""


async def test_who_does_not_shake_hands_is_sent_away_like_who_sends_no_head() -> None:
    listener = tcp_listener("127.0.0.1", 0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = await serve_http(echo, listener, limits=ServerLimits(header_timeout_s=0.1), ssl=context)
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    await server.drain(0)


@pytest.mark.parametrize("begun", [b"0\r\ntrailer: ", b"1\r\nx\r\n0\r\ntrailer: ", b"1;extension="])
async def test_a_trailer_or_chunk_extension_without_end_is_refused(tmp_path: Path, begun: bytes) -> None:
    async with conversing(tmp_path / "s", echo, header_bytes=1000) as peer:
        peer.send(CHUNKED + begun)
        for _ in range(11):  # what one read brings together with something of use is not counted
            await settle()
            peer.send(b"x" * 100)
        assert (await peer.read_response()).status == 431


@pytest.mark.parametrize("trailers", [b"a: 1\r\n" * 19, b"a: " + b"x" * 1000 + b"\r\n"])
async def test_trailers_count_with_the_headers(tmp_path: Path, trailers: bytes) -> None:
    async with conversing(tmp_path / "s", echo, header_bytes=1000, header_count=20) as peer:
        answer = await peer.ask(CHUNKED + b"1\r\nx\r\n0\r\n" + trailers + b"\r\n")
        assert (answer.status, answer.header(b"connection")) == (431, b"close")


async def test_what_is_just_small_enough_is_served(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo, header_bytes=1000, header_count=20, body_bytes=500) as peer:
        assert (await peer.ask(request(b"/", b"x" * 500, *[b"a: 1"] * 18))).status == 200
        assert (await peer.ask(request(b"/", None, b"name: " + b"x" * 950))).status == 200
        assert (await peer.ask(CHUNKED + b"1f4\r\n" + b"x" * 500 + b"\r\n0\r\ntrailer: 1\r\n\r\n")).status == 200


async def test_many_small_requests_in_one_read_are_no_large_header(tmp_path: Path) -> None:
    async with conversing(tmp_path / "s", echo, header_bytes=100) as peer:
        peer.send(request(b"/", b"body") * 100)
        for _ in range(100):
            assert (await peer.read_response()).status == 200


async def test_a_connection_too_many_is_closed_and_a_free_place_is_given_again(tmp_path: Path) -> None:
    async with serving(tmp_path / "s", echo, connections=2) as server, connected(tmp_path / "s") as first:
        async with connected(tmp_path / "s") as second:
            assert (await first.ask(HEALTHY)).status == (await second.ask(HEALTHY)).status == 200
            async with connected(tmp_path / "s") as third:
                third.send(HEALTHY)
                assert await third.read_to_end() == b""
            assert server.connections == 2
        await settle()
        async with connected(tmp_path / "s") as fourth:
            assert (await fourth.ask(HEALTHY)).status == 200


@pytest.mark.parametrize(
    ("sent", "limit_s"),
    [(b"GET", 10), (HEALTHY[:-1], 10), (b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nbod", 30)],
)
def test_a_request_that_does_not_go_on_times_out(tmp_path: Path, sent: bytes, limit_s: int) -> None:
    async def test(loop: HandClockLoop) -> None:
        limits = {"header_timeout_s": 10, "body_timeout_s": 30}
        async with conversing(tmp_path / "s", echo, **limits) as peer:
            peer.send(sent)
            await settle()
            loop.advance(limit_s - 1)
            await settle()
            assert not peer.reader.at_eof()
            loop.advance(2)
            assert (await peer.read_response()).status == 408
            assert await peer.read_to_end() == b""

    run_by_hand_clock(test)


@pytest.mark.parametrize("raw", [b"junk\r\n\r\n", b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n"])
def test_a_refused_client_that_stays_is_cut(tmp_path: Path, raw: bytes) -> None:
    async def test(loop: HandClockLoop) -> None:
        async with serving(tmp_path / "s", echo) as server:
            client = plain_client(tmp_path / "s")
            client.sendall(raw)
            await settle()
            assert client.recv(12) == b"HTTP/1.1 400"
            assert server.connections == 1
            loop.advance(4)
            await settle()
            assert server.connections == 0
            client.close()

    run_by_hand_clock(test)


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(tmp_path: Path) -> None:
    async def test(loop: HandClockLoop) -> None:
        gate = asyncio.Event()

        async def handler(exchange: Exchange) -> None:
            await gate.wait()
            exchange.respond(200, ())

        async with serving(tmp_path / "s", handler, idle_timeout_s=75) as server, connected(tmp_path / "s") as busy:
            busy.send(HEALTHY)
            async with connected(tmp_path / "s") as idle:
                await settle()
                loop.advance(76)
                assert await idle.read_to_end() == b""
            loop.advance(1000)
            await settle()
            gate.set()
            assert (await busy.read_response()).status == 200
            loop.advance(76)
            assert await busy.read_to_end() == b""
            assert server.connections == 0

    run_by_hand_clock(test)


def test_a_head_begun_behind_another_request_is_timed_once_that_is_answered(tmp_path: Path) -> None:
    async def test(loop: HandClockLoop) -> None:
        async with conversing(tmp_path / "s", echo, header_timeout_s=10) as peer:
            peer.send(HEALTHY + b"GET / HTTP/1.1\r\n")
            assert (await peer.read_response()).status == 200
            loop.advance(11)
            assert (await peer.read_response()).status == 408

    run_by_hand_clock(test)


def test_a_body_that_stalls_after_its_reader_caught_up_times_out(tmp_path: Path) -> None:
    async def test(loop: HandClockLoop) -> None:
        async with conversing(tmp_path / "s", echo, body_timeout_s=30) as peer:
            peer.send(request(b"/", bytes(4 * STREAM_BUFFER_BYTES))[:-1])
            await settle()
            await peer.writer.drain()
            await settle()
            loop.advance(31)
            assert (await peer.read_response()).status == 408

    run_by_hand_clock(test)


async def test_drain_lets_an_exchange_finish_and_takes_no_new_one(tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await gate.wait()
        exchange.respond(200, (), b"done")

    async with serving(tmp_path / "s", handler) as server, connected(tmp_path / "s") as busy:
        busy.send(request())
        async with connected(tmp_path / "s") as idle:
            await settle()
            draining = asyncio.create_task(server.drain(5))
            assert await idle.read_to_end() == b""
        with pytest.raises(OSError, match="refused"):
            await asyncio.open_unix_connection(tmp_path / "s")
        assert not draining.done()
        gate.set()
        answer = await busy.read_response()
        assert (answer.body, answer.header(b"connection")) == (b"done", b"close")
        await asyncio.wait_for(draining, 5)
        assert server.connections == 0


async def test_drain_cuts_what_does_not_finish(tmp_path: Path) -> None:
    ended: list[str] = []

    async def handler(exchange: Exchange) -> None:
        exchange.on_disconnect(lambda: ended.append("disconnected"))
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with serving(tmp_path / "s", handler) as server, connected(tmp_path / "s") as peer:
        peer.send(HEALTHY)
        await settle()
        await server.drain(0.01)
        await settle()
        assert sorted(ended) == ["cancelled", "disconnected"]
        assert await peer.read_to_end() == b""


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        (("127.0.0.1", 5), ""),
        (("::1", 5, 0, 0), ""),
        (("::ffff:127.0.0.1", 5, 0, 0), ""),
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:0:1:2:3:4:5", 5, 0, 0), "2001:db8:0:1::/64"),
        (("2001:db8:0:1:ffff::", 6, 0, 0), "2001:db8:0:1::/64"),
        (("fe80::1%eth0", 6, 0, 2), "fe80::/64"),
        ("", ""),
    ],
)
def test_peers_are_told_apart_by_what_one_owner_has(address: object, origin: str) -> None:
    assert origin_of(address) == origin


async def test_one_network_address_leaves_connections_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    origins = ["near", "near", "near", "far", "", ""]
    monkeypatch.setattr("ingle.transport.http_server.origin_of", lambda address: origins.pop(0))
    limits = ServerLimits(connections=5, connections_of_one=2)
    listener = tcp_listener("127.0.0.1", 0)
    server = await serve_http(echo, listener, limits=limits)
    peers = []
    for expected in (b"HTTP/1.1 200", b"HTTP/1.1 200", b"", b"HTTP/1.1 200", b"HTTP/1.1 200", b"HTTP/1.1 200"):
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        peers.append(writer)
        writer.write(HEALTHY)
        with contextlib.suppress(ConnectionError):
            assert (await reader.read(12)) == expected
    peers[0].close()
    while server.connections > 4:
        await asyncio.sleep(0)
    origins.append("near")
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(HEALTHY)
    assert await reader.read(12) == b"HTTP/1.1 200"
    for peer in (*peers, writer):
        peer.close()
    await server.drain(0)
    await settle()
