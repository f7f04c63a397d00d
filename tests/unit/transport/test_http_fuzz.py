"""Whatever bytes come, in whatever pieces: the HTTP server answers 2xx or 4xx or closes, and serves the next client."""

import asyncio
import contextlib
import itertools
import re
import tempfile
from pathlib import Path
from typing import Any

from http_wire import HEALTHY, connected, echo, request, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange, Handler

CHUNKED = b"POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
VALID = [
    request(b"/get", None, b"name: value", method=b"GET"),
    request(b"/post", b"hello"),
    request(b"/head", method=b"HEAD"),
    request(b"/large", bytes(300_000)),
    request(b"/expect", b"hello", b"expect: 100-continue"),
    request(b"/close", b"hello", b"connection: close"),
    CHUNKED + b"5;a=b\r\nhello\r\n0\r\nname: value\r\n\r\n",
    b"GET /old HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
]
PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b":", b" ", b"\t", b"0", b"-1", b"fffffffff", b"GET / HTTP/1.1\r\n", b"host: b\r\n",
     b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n", b"upgrade: h2c\r\n",
     b"connection: close\r\n", b"connection: upgrade\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 5000, b"\xff"]
)  # fmt: skip
LIMITS: dict[str, Any] = {"header_bytes": 2000, "header_count": 20, "body_bytes": 310_000}


async def streams(exchange: Exchange) -> None:
    exchange.start(200, ())
    async for piece in exchange.chunks():
        await exchange.write(piece)
    exchange.finish()


async def dawdles(exchange: Exchange) -> None:
    """Answer late, whatever has become of the request."""
    for _ in range(10):
        await asyncio.sleep(0)
    exchange.respond(200, (), b"late")


async def dawdles_and_streams(exchange: Exchange) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    exchange.start(200, ())
    await exchange.write(b"late")
    exchange.finish()


async def reads_little(exchange: Exchange) -> None:
    try:
        await exchange.read(3)
        exchange.respond(204, ())
    except BodyTooLargeError:
        exchange.respond(413, ())
    except DisconnectedError:
        exchange.respond(499, ())


HANDLERS: list[Handler] = [
    echo,
    streams,
    dawdles,
    dawdles_and_streams,
    reads_little,
    lambda exchange: exchange.respond(200, (), b"at once"),
]


async def feed(pieces: list[bytes], handler: Handler, path: Path) -> bytes:
    """Send the pieces one by one, then nothing more; return what came back. The next client is served."""
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
    with capture_logs() as logs:
        async with serving(path, handler, **LIMITS):
            async with connected(path) as peer:
                reading = asyncio.create_task(peer.read_to_end())
                with contextlib.suppress(ConnectionError):
                    for piece in pieces:
                        peer.send(piece)
                        await asyncio.sleep(0)
                    peer.writer.write_eof()
                    await peer.writer.drain()
                answer = await reading
            async with connected(path) as healthy:
                assert (await healthy.ask(HEALTHY)).status in (200, 204)
    assert logs == []
    assert failures == []
    return answer


def check(pieces: list[bytes], handler: Handler) -> list[int]:
    """Return the statuses that came back."""
    with tempfile.TemporaryDirectory() as folder:
        answer = asyncio.run(feed(pieces, handler, Path(folder) / "s"))
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answer)]
    assert all(status in (100, 200, 204, 400, 413, 431) for status in statuses), statuses
    refused = [status for status in statuses if status >= 400]
    assert len(refused) <= 1 or handler is reads_little
    return statuses


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(raw) + 1) for place in places), len(raw)]
    return [raw[start:end] for start, end in itertools.pairwise(edges)]


handlers = st.sampled_from(HANDLERS)
places = st.lists(st.integers(0, 2**20), max_size=4)
mutations = st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 8), PIECES | st.binary(max_size=6)), max_size=3)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | PIECES, max_size=8), handlers)
def test_arbitrary_bytes_do_no_harm(pieces: list[bytes], handler: Handler) -> None:
    check(pieces, handler)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(VALID), min_size=1, max_size=3), mutations, places, handlers)
def test_damaged_requests_do_no_harm(
    valid: list[bytes], damage: list[tuple[int, int, bytes]], cuts: list[int], handler: Handler
) -> None:
    raw = b"".join(valid)
    for place, gone, inserted in damage:
        at = place % len(raw) if place % 3 else place % min(len(raw), 200)  # often in the first head
        raw = raw[:at] + inserted + raw[at + gone :]
    check(cut(raw, cuts), handler)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(VALID[:5]), min_size=1, max_size=4), places, st.sampled_from([echo, streams]))
def test_valid_requests_are_answered_however_they_are_cut(
    valid: list[bytes], cuts: list[int], handler: Handler
) -> None:
    statuses = check(cut(b"".join(valid), cuts), handler)
    assert [status for status in statuses if status != 100] == [200] * len(valid)
