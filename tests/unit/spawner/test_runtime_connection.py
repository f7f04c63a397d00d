"""AWS's Python client over the socket that init hands down: events, answers, refusals, and a peer that goes."""

import socket
import threading
from collections.abc import Iterator

import pytest

from ingle.spawner.zygotes import connection
from ingle.spawner.zygotes.connection import Connection

EVENT = (
    b"HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: id-1\r\nlambda-runtime-deadline-ms: 12\r\n"
    b"content-length: 7\r\n\r\n[1, 22]"
)
TAKEN = b'HTTP/1.1 202 Accepted\r\ncontent-length: 16\r\n\r\n{"status":"OK"}\n'


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours), theirs


def test_an_event_comes_with_its_headers(ends: tuple[Connection, socket.socket]) -> None:
    client, api = ends
    api.sendall(EVENT)
    body, headers = client.ask()
    assert body == b"[1, 22]"
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "id-1"
    assert api.recv(1000).startswith(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n")


def test_an_answer_goes_out_with_the_next_wish(ends: tuple[Connection, socket.socket]) -> None:
    client, api = ends
    client.answer("id-1", "response", "application/json", b"17")
    api.sendall(TAKEN + EVENT)
    assert client.ask()[0] == b"[1, 22]"
    sent = api.recv(1000)
    assert sent.startswith(b"POST /2018-06-01/runtime/invocation/id-1/response HTTP/1.1\r\n")
    assert b"\r\ncontent-length: 2\r\n\r\n17GET /2018-06-01/runtime/invocation/next" in sent


def test_an_event_that_comes_in_pieces_is_put_together(ends: tuple[Connection, socket.socket]) -> None:
    client, api = ends
    body = bytes(range(256)) * 20_000
    whole = TAKEN + b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body

    def send() -> None:
        for start in range(0, 400, 7):
            api.sendall(whole[start : start + 7])
        api.sendall(whole[406:])

    client.answer("id-1", "error", "application/json", b"{}")
    sending = threading.Thread(target=send)
    sending.start()
    assert client.ask()[0] == body
    sending.join()


def test_a_refused_answer_is_an_error(ends: tuple[Connection, socket.socket]) -> None:
    client, api = ends
    client.answer("id-1", "response", "application/json", b"17")
    api.sendall(b"HTTP/1.1 413 Too Large\r\ncontent-length: 4\r\n\r\nlong")
    with pytest.raises(RuntimeError, match="Failed to post a response: 413 long"):
        client.ask()


def test_an_error_is_told_whatever_letters_it_has_and_how_many(
    ends: tuple[Connection, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, api = ends
    monkeypatch.setattr(connection, "_current", client)
    api.sendall(TAKEN + EVENT)
    message = "\u2603" * 20_000
    connection.post_error("id-1", f'"{message}"', f'{{"message":"{message}"}}')
    connection.next()
    head, _, body = api.recv(100_000, socket.MSG_DONTWAIT).partition(b"\r\n\r\n")
    assert len(head) < 1000
    assert body.startswith(f'"{message}"GET'.encode())


def test_an_api_that_is_gone_is_an_error(ends: tuple[Connection, socket.socket]) -> None:
    client, api = ends
    api.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        client.ask()
