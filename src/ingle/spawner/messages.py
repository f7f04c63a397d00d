"""What the spawner says to its worker and to its zygotes: descriptors and integers, never paths, options or text."""

from __future__ import annotations

import array
import socket
import struct
from collections.abc import Sequence
from enum import IntEnum

_FORM = struct.Struct("<Q6q")
MAX_DESCRIPTORS = 24


class Kind(IntEnum):
    """The first word of a message; what follows is named in `ingle.spawner.main` and `zygotes.zygote`."""

    # worker to spawner
    PREPARE = 1
    ATTACH = 2
    DETACH = 3
    SPAWN = 4
    STOP = 5
    # spawner to worker
    ATTACHED = 16
    SPAWNED = 17
    EXITED = 18
    FAILED = 19
    LEVEL = 20
    # between the spawner and its zygotes
    CREATE = 32
    CREATED = 33
    REAPED = 35
    READY = 36
    # between the spawner and an environment's init
    BORN = 40
    ASSIGN = 41
    # an environment's child to its init
    HEARD = 42
    # worker to init; START is also init's to the child that waits
    START = 48
    TERMINATE = 49
    RESET = 50
    CONNECT = 51
    PAUSE = 52
    RESUME = 53
    # init to worker
    ENDED = 56
    EMPTY = 57
    SOCKET = 58
    LINK = 59


def send(link: socket.socket, kind: int, *values: int, descriptors: Sequence[int] = ()) -> None:
    """Send one message of at most six integers."""
    padded = [*values, 0, 0, 0, 0, 0, 0][:6]
    ancillary = []
    if descriptors:
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes()))
    link.sendmsg([_FORM.pack(kind, *padded)], ancillary)


def receive(link: socket.socket) -> tuple[int, list[int], list[int]] | None:
    """Return the next message (kind, integers, descriptors), or None where the peer is gone."""
    space = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
    try:
        data, ancillary, _, _ = link.recvmsg(_FORM.size, space, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    descriptors: list[int] = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
            descriptors.extend(received)
    if len(data) != _FORM.size:
        return None
    kind_, *values = _FORM.unpack(data)
    return int(kind_), [int(value) for value in values], descriptors
