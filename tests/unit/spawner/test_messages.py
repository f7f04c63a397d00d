"""Messages between the spawner, its zygotes, inits and the worker, over a real socket pair."""

import os
import socket
import struct
from collections.abc import Iterator
from typing import get_args

import pytest

from ingle.spawner import messages
from ingle.spawner.messages import Attach, Message, Ready, Spawn, Spawned, WrongMessageError
from ingle.spawner.runtimes import Runtime


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("kind", get_args(Message), ids=lambda kind: str(kind.__name__))
def test_every_message_arrives_as_it_was_sent(kind: type[Message], pair: tuple[socket.socket, socket.socket]) -> None:
    sent = kind(*range(-1, len(kind._fields) - 1))
    messages.send(pair[0], sent)
    received = messages.receive(pair[1])
    assert received is not None
    assert type(received.message) is kind
    assert received == (sent, [])


def test_descriptors_come_along_in_their_order(pair: tuple[socket.socket, socket.socket]) -> None:
    read, write = os.pipe()
    messages.send(pair[0], Spawned(1, 2, 3), [write, read])
    received = messages.receive(pair[1])
    assert received is not None
    os.write(received.descriptors[0], b"x")
    assert os.read(received.descriptors[1], 1) == b"x"
    for descriptor in (read, write, *received.descriptors):
        os.close(descriptor)


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        struct.pack("<Q", 99),
        struct.pack("<Q", 4),
        struct.pack("<Q7q", 4, *range(7)),
        struct.pack("<Q5q", 4, *range(5)),
        struct.pack("<Q6qb", 4, *range(7)),
        struct.pack("<Q", 36) + b"\0" * 500,
    ],
)
def test_what_is_no_message_of_its_kinds_length_is_refused(
    data: bytes, pair: tuple[socket.socket, socket.socket]
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    read, write = os.pipe()
    socket.send_fds(pair[0], [data], [read])
    os.close(read)
    os.close(write)
    with pytest.raises(WrongMessageError):
        messages.receive(pair[1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_peer_that_is_gone_is_no_message(pair: tuple[socket.socket, socket.socket]) -> None:
    messages.send(pair[0], Ready())
    pair[0].close()
    assert messages.receive(pair[1]) == (Ready(), [])
    assert messages.receive(pair[1]) is None


def test_a_message_needs_all_its_integers() -> None:
    with pytest.raises(TypeError):
        Spawn(1, 2, 3)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Attach(1, 2)  # type: ignore[call-arg]


def test_a_runtimes_name_in_messages_is_its_own() -> None:
    known = Runtime("python3.11", "/usr/bin/python3.11", "")
    assert known.fingerprint == Runtime("python3.11", "/usr/bin/python3.11", "").fingerprint
    others = [
        Runtime("python3.11", "/opt/python3.11", ""),
        Runtime("python3.11", "/usr/bin/python3.11", "/usr"),
        Runtime("provided.al2023"),
    ]
    assert len({known.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert all(0 <= one.fingerprint < 1 << 63 for one in (known, *others))
