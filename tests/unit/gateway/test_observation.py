"""Who may look at metrics and environments without a signature: this machine, asking for this machine."""

from typing import Any

import pytest

from ingle.gateway.doors.observation import is_local
from ingle.transport import Exchange


class Connection:
    """As much of a connection as naming the peer takes."""

    def __init__(self, peer: str) -> None:
        self.peer = peer

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def exchange(peer: str, *headers: tuple[bytes, bytes]) -> Exchange:
    connection: Any = Connection(peer)
    made = Exchange(connection)
    made.headers = list(headers)
    return made


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("127.0.0.1:50000", b"127.0.0.1:9000"),
        ("127.3.2.1:50000", b"localhost:9000"),
        ("127.0.0.1:50000", b"LOCALHOST"),
        ("::1:50000", b"[::1]:9000"),
        ("::1:9000", b"[::1]"),
        ("::ffff:127.0.0.1:50000", b"127.0.0.1"),
    ],
)
def test_a_request_of_this_machine_for_this_machine_is_local(peer: str, host: bytes) -> None:
    assert is_local(exchange(peer, (b"host", host)))


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.7:50000", [(b"host", b"127.0.0.1:9000")]),
        ("2001:db8::1:50000", [(b"host", b"localhost")]),
        ("::ffff:192.0.2.7:50000", [(b"host", b"localhost")]),
        ("unix", [(b"host", b"localhost")]),
        ("127.0.0.1:50000", []),
        ("127.0.0.1:50000", [(b"host", b"rebound.example:9000")]),
        ("127.0.0.1:50000", [(b"host", b"127.0.0.1.example")]),
        ("127.0.0.1:50000", [(b"host", b"localhost.example")]),
        ("127.0.0.1:50000", [(b"host", b"localhost"), (b"x-forwarded-for", b"192.0.2.7")]),
        ("127.0.0.1:50000", [(b"host", b"localhost"), (b"forwarded", b"for=192.0.2.7")]),
    ],
)
def test_a_request_from_elsewhere_by_a_proxy_or_for_another_host_is_not(
    peer: str, headers: list[tuple[bytes, bytes]]
) -> None:
    assert not is_local(exchange(peer, *headers))
