"""Bytes that two HTTP readers could read as different requests: refused and closed, or read as RFC 9112 has it.

Behind each stands a second request. Where the first is refused, nobody may see the second.
"""

import re
from pathlib import Path

import pytest
from http_wire import HEALTHY, connected, serving
from structlog.testing import capture_logs

from ingle.transport import Exchange

HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: a\r\n\r\n"
BODY = b"5\r\nhello\r\n0\r\n\r\n"
Seen = list[tuple[bytes, bytes]]


def head(*lines: bytes, first: bytes = b"POST / HTTP/1.1", host: bytes = b"host: a") -> bytes:
    return b"".join(line + b"\r\n" for line in (first, *([host] if host else []), *lines)) + b"\r\n"


def chunked(body: bytes) -> bytes:
    return head(b"transfer-encoding: chunked") + body


FRAMING = {
    "two lengths": head(b"content-length: 5", b"content-length: 6") + b"hello",
    "two equal lengths": head(b"content-length: 5", b"content-length: 5") + b"hello",
    "a list of lengths": head(b"content-length: 5, 5") + b"hello",
    "length and chunks": head(b"content-length: 5", b"transfer-encoding: chunked") + BODY,
    "chunks and length": head(b"transfer-encoding: chunked", b"content-length: 5") + BODY,
    "length zero and chunks": head(b"content-length: 0", b"transfer-encoding: chunked") + BODY,
    "a negative length": head(b"content-length: -5") + b"hello",
    "a length with plus": head(b"content-length: +5") + b"hello",
    "a hexadecimal length": head(b"content-length: 0x10") + b"hello",
    "a length with a fraction": head(b"content-length: 5.0") + b"hello",
    "a length with an exponent": head(b"content-length: 1e1") + b"hello",
    "a length with underscore": head(b"content-length: 1_0") + b"hello",
    "an empty length": head(b"content-length:") + b"hello",
    "a length with a space in it": head(b"content-length: 1 0") + b"hello",
    "a length with a letter behind": head(b"content-length: 5a") + b"hello",
    "a length beyond 64 bits": head(b"content-length: 18446744073709551621") + b"hello",
    "a length in other digits": head("content-length: ٥".encode()) + b"hello",
    "a length with vertical tab": head(b"content-length: \x0b5") + b"hello",
    "an unknown coding": head(b"transfer-encoding: xchunked") + BODY,
    "identity": head(b"transfer-encoding: identity") + b"hello",
    "gzip and chunked": head(b"transfer-encoding: gzip, chunked") + BODY,
    "chunked and identity": head(b"transfer-encoding: chunked, identity") + BODY,
    "chunked twice": head(b"transfer-encoding: chunked, chunked") + BODY,
    "chunked in two fields": head(b"transfer-encoding: chunked", b"transfer-encoding: chunked") + BODY,
    "chunked and another field": head(b"transfer-encoding: chunked", b"transfer-encoding: x") + BODY,
    "chunked in quotes": head(b'transfer-encoding: "chunked"') + BODY,
    "chunked with a parameter": head(b"transfer-encoding: chunked;a=b") + BODY,
    "chunked behind a vertical tab": head(b"transfer-encoding: \x0bchunked") + BODY,
    "chunked and a comma": head(b"transfer-encoding: chunked,") + BODY,
    "a coding of nothing": head(b"transfer-encoding:") + BODY,
    "chunked in HTTP/1.0": head(b"transfer-encoding: chunked", first=b"POST / HTTP/1.0") + BODY,
}
FIELDS = {
    "a folded line": head(b"name: one", b" two"),
    "a folded line by tab": head(b"name: one", b"\ttwo"),
    "a folded coding": head(b"transfer-encoding:", b" chunked") + BODY,
    "a space before the first field": b"POST / HTTP/1.1\r\n host: a\r\n\r\n",
    "a space before the colon": head(b"name : one"),
    "a space before the colon of a length": head(b"content-length : 5") + b"hello",
    "a space before the colon of a coding": head(b"transfer-encoding : chunked") + BODY,
    "a tab before the colon": head(b"transfer-encoding\t: chunked") + BODY,
    "no colon": head(b"name"),
    "no name": head(b": one"),
    "a name in brackets": head(b"na(me: one"),
    "NUL in a value": head(b"name: o\0ne"),
    "NUL in a name": head(b"na\0me: one"),
    "bare CR in a value": head(b"name: one\rtransfer-encoding: chunked") + BODY,
    "bare LF in a value": head(b"name: one\ntransfer-encoding: chunked") + BODY,
    "bare LF at the end of the head": b"POST / HTTP/1.1\r\nhost: a\r\n\n",
    "bare LF at every line": head().replace(b"\r\n", b"\n"),
    "bare CR at every line": head().replace(b"\r\n", b"\r"),
    "DEL in a value": head(b"name: o\x7fne"),
    "no Host": head(host=b""),
    "two Hosts": head(b"host: b"),
    "two equal Hosts": head(b"host: a"),
    "two Hosts in HTTP/1.0": head(b"host: b", first=b"POST / HTTP/1.0"),
}
LINES = {
    "the form of a proxy": head(first=b"GET http://evil/ HTTP/1.1"),
    "the form of CONNECT": head(first=b"CONNECT evil:443 HTTP/1.1"),
    "a target without slash": head(first=b"GET evil HTTP/1.1"),
    "a target of a star": head(first=b"OPTIONS * HTTP/1.1"),
    "a target with space": head(first=b"GET /a b HTTP/1.1"),
    "a target with NUL": head(first=b"GET /a\0b HTTP/1.1"),
    "a target with tab": head(first=b"GET /a\tb HTTP/1.1"),
    "a target with bare LF": head(first=b"GET /a\n HTTP/1.1"),
    "no target": head(first=b"GET HTTP/1.1"),
    "no version": head(first=b"GET /"),
    "version 0.9": head(first=b"GET / HTTP/0.9"),
    "version 1.2": head(first=b"GET / HTTP/1.2"),
    "version 2.0": head(first=b"GET / HTTP/2.0"),
    "version 1.10": head(first=b"GET / HTTP/1.10"),
    "another protocol": head(first=b"GET / ICE/1.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": head(first=b"get / HTTP/1.1"),
    "an unknown method": head(first=b"SMUGGLE / HTTP/1.1"),
    "a greeting of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the form of CONNECT with a path": head(first=b"CONNECT /evil HTTP/1.1"),
    "an upgrade with two lengths": head(
        b"connection: upgrade", b"upgrade: h2c", b"content-length: 5", b"content-length: 6"
    ),
    "an upgrade with a length and a coding": head(
        b"connection: upgrade", b"upgrade: h2c", b"content-length: 5", b"transfer-encoding: chunked"
    ),
}
CHUNKS = {
    "a size that overflows": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size behind a space": b" 5\r\nhello\r\n0\r\n\r\n",
    "a size before a space": b"5 \r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a size of another letter": b"g\r\nhello\r\n0\r\n\r\n",
    "a size with underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size and bare LF": b"5\nhello\r\n0\r\n\r\n",
    "a size and bare CR": b"5\rhello\r\n0\r\n\r\n",
    "LF in an extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "LF in a quoted extension": b'5;a="\n"\r\nhello\r\n0\r\n\r\n',
    "NUL in an extension": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "more than its size": b"5\r\nhello!\r\n0\r\n\r\n",
    "bare LF behind a chunk": b"5\r\nhello\n0\r\n\r\n",
    "nothing behind a chunk": b"5\r\nhello0\r\n\r\n",
    "bare LF behind the last": b"5\r\nhello\r\n0\n\r\n",
    "bare LF at the end": b"5\r\nhello\r\n0\r\n\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nname: one\r\n two\r\n\r\n",
    "a trailer without colon": b"5\r\nhello\r\n0\r\nname\r\n\r\n",
    "a trailer that claims a length": b"0\r\ncontent-length: 30\r\n\r\n",
    "a trailer that claims a coding": b"0\r\ntransfer-encoding: chunked\r\n\r\n",
}
ACCEPTED: dict[str, tuple[bytes, Seen]] = {
    "a length with zeros in front": (head(b"content-length: 0005") + b"hello", [(b"/", b"hello")]),
    "a length within spaces": (head(b"content-length: \t 5 \t ") + b"hello", [(b"/", b"hello")]),
    "a coding in other letters": (head(b"TRANSFER-ENCODING: chunked") + BODY, [(b"/", b"hello")]),
    "a size with zeros in front": (chunked(b"0000000000005\r\nhello\r\n000\r\n\r\n"), [(b"/", b"hello")]),
    "a trailer that names a host": (chunked(b"0\r\nhost: evil\r\n\r\n"), [(b"/", b"")]),
    "an extension": (chunked(b'5;a;b=c;d="e\\"f"\r\nhello\r\n0\r\n\r\n'), [(b"/", b"hello")]),
    "GET with a body": (head(b"content-length: 5", first=b"GET / HTTP/1.1") + b"hello", [(b"/", b"hello")]),
    "a body that looks like a request": (
        head(b"content-length: 35") + HIDDEN[:35].ljust(35),
        [(b"/", HIDDEN.ljust(35))],
    ),
    "an empty line in front": (b"\r\n" + head(), [(b"/", b"")]),
    "an offer": (head(b"connection: upgrade", b"upgrade: websocket", first=b"GET / HTTP/1.1"), [(b"/", b"")]),
    "an offer of h2c": (
        head(b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"http2-settings: AAMAAABkAAQCAAAAAAIAAAAA"),
        [(b"/", b"")],
    ),
    "an offer with a body": (
        head(b"connection: upgrade", b"upgrade: h2c", b"content-length: 5") + b"hello",
        [(b"/", b"hello")],
    ),
    "an offer with a chunked body": (
        head(b"connection: upgrade", b"upgrade: h2c", b"transfer-encoding: chunked") + BODY,
        [(b"/", b"hello")],
    ),
    "an upgrade that the connection does not name": (head(b"upgrade: h2c"), [(b"/", b"")]),
    "an empty Host": (head(host=b"host:"), [(b"/", b"")]),
    "a double slash": (head(first=b"GET //evil/ HTTP/1.1"), [(b"//evil/", b"")]),
}


async def converse(path: Path, raw: bytes) -> tuple[bytes, Seen]:
    """Send bytes and a hidden request, read to the end; return what came back and what the handler saw."""
    seen: Seen = []

    async def handler(exchange: Exchange) -> None:
        seen.append((exchange.target, await exchange.read(1 << 20)))
        exchange.respond(200, (), b"seen")

    with capture_logs() as logs:
        async with serving(path, handler):
            async with connected(path) as peer:
                peer.send(raw + HIDDEN)
                peer.writer.write_eof()
                answer = await peer.read_to_end()
            async with connected(path) as healthy:
                assert (await healthy.ask(HEALTHY)).status == 200
    assert logs == []
    assert seen.pop() == (b"/healthy", b"")
    return answer, seen


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


async def assert_refused(path: Path, raw: bytes) -> None:
    answer, seen = await converse(path, raw)
    assert seen == []
    assert statuses(answer) == [400]
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize("name", FRAMING)
async def test_an_ambiguous_length_is_refused(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path / "s", FRAMING[name])


@pytest.mark.parametrize("name", FIELDS)
async def test_an_ambiguous_field_is_refused(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path / "s", FIELDS[name])


async def test_requests_follow_one_that_offers_another_protocol(tmp_path: Path) -> None:
    offer = (b"connection: upgrade", b"upgrade: h2c")
    raw = head(*offer, b"content-length: 5") + b"hello" + head(*offer, first=b"GET /second HTTP/1.1")
    answer, seen = await converse(tmp_path / "s", raw)
    assert seen == [(b"/", b"hello"), (b"/second", b""), (b"/hidden", b"")]
    assert statuses(answer) == [200, 200, 200]


@pytest.mark.parametrize("name", LINES)
async def test_an_ambiguous_request_line_is_refused(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path / "s", LINES[name])


@pytest.mark.parametrize("name", CHUNKS)
async def test_an_ambiguous_chunk_is_refused(tmp_path: Path, name: str) -> None:
    await assert_refused(tmp_path / "s", chunked(CHUNKS[name]))


@pytest.mark.parametrize("name", ACCEPTED)
async def test_what_has_one_reading_is_read_so(tmp_path: Path, name: str) -> None:
    raw, expected = ACCEPTED[name]
    answer, seen = await converse(tmp_path / "s", raw)
    assert seen == [*expected, (b"/hidden", b"")]
    assert statuses(answer) == [200, 200]


@pytest.mark.parametrize(
    "junk", [b"junk", b"\0", b"GET /", b" GET / HTTP/1.1\r\n", b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
async def test_junk_between_requests_ends_the_connection(tmp_path: Path, junk: bytes) -> None:
    answer, seen = await converse(tmp_path / "s", head(first=b"GET /first HTTP/1.1") + junk)
    assert seen == [(b"/first", b"")]
    assert statuses(answer) in ([200], [200, 400])


async def test_a_chunk_without_end_is_no_request(tmp_path: Path) -> None:
    answer, seen = await converse(tmp_path / "s", chunked(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n"))
    assert (answer, seen) == (b"", [])
