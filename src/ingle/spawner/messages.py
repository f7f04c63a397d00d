"""What the spawner, its zygotes, the inits and the worker say to each other: integers and descriptors, never text.

Each message is a kind and the integers that its class names. A message of another length is refused where it arrives.
"""

from __future__ import annotations

import array
import os
import socket
import struct
from collections.abc import Sequence
from typing import NamedTuple, Union

MAX_DESCRIPTORS = 24


class WrongMessageError(OSError):
    """What has arrived is no message of ours; its descriptors are closed. The link is of no further use."""


# worker to spawner


class Prepare(NamedTuple):
    """Have a runtime's zygote ready. Runtimes are named by their fingerprint (`runtimes.Runtime`)."""

    runtime: int


class Attach(NamedTuple):
    """Make known the image whose descriptor comes along."""

    token: int


class Detach(NamedTuple):
    """Forget an image."""

    image: int


class Spawn(NamedTuple):
    """Give an environment; images are 0 where there is none. `Operations.spawn` names the descriptors."""

    token: int
    runtime: int
    memory_mib: int
    tmp_mib: int
    code: int
    layers: int


class Stop(NamedTuple):
    """End an environment."""

    identifier: int


# spawner to worker


class Attached(NamedTuple):
    """An image can be used."""

    token: int
    image: int


class Spawned(NamedTuple):
    """Here is an environment: its listener, and its group's files, come along. `pid` is its init's."""

    token: int
    identifier: int
    pid: int


class Exited(NamedTuple):
    """Nothing is left of an environment."""

    identifier: int
    out_of_memory: int
    peak_bytes: int


class Failed(NamedTuple):
    """What was asked for with this token can't be had."""

    token: int


class Level(NamedTuple):
    """How many blank environments of a runtime there are, and how many there shall be."""

    runtime: int
    ready: int
    wanted: int


# between the spawner and its zygotes


class Create(NamedTuple):
    """Fork an environment; `zygotes.environment.Birth` names the descriptors."""

    identifier: int
    tmp_mib: int
    is_rootless: int
    has_code: int
    has_layers: int
    groups: int


class Created(NamedTuple):
    """An environment's init has been forked."""

    identifier: int
    pid: int


class NotCreated(NamedTuple):
    """The host is short of something: this one will not come."""

    identifier: int


class Reaped(NamedTuple):
    """An environment's init has ended."""

    pid: int


class Ready(NamedTuple):
    """The zygote takes orders."""


# between the spawner, an environment's init and the init's children


class Born(NamedTuple):
    """The environment is confined, and blank; a listener for the Runtime API comes along where the init has made it."""


class Assign(NamedTuple):
    """Whose environment this is; `zygotes.init` names the descriptors."""


class Heard(NamedTuple):
    """Whoever has this descriptor hears what a child asks the kernel for."""


# worker to init; Start is also init's to the child that waits


class Start(NamedTuple):
    """Start the runtime (0) or an extension."""

    number: int


class Terminate(NamedTuple):
    """Ask a process to end."""

    number: int


class Reset(NamedTuple):
    """Kill everything but the init."""


class Connect(NamedTuple):
    """Give a socket of the environment's network."""


class Pause(NamedTuple):
    """Stop all processes."""


class Resume(NamedTuple):
    """Let all processes go on."""


# init to worker


class Ended(NamedTuple):
    """A process has ended, with the status of wait(2) and at most so much memory."""

    number: int
    status: int
    peak_kib: int


class Empty(NamedTuple):
    """Nothing but the init is left."""


class Socket(NamedTuple):
    """The socket that was asked for."""


class Link(NamedTuple):
    """A process's connection to the Runtime API."""


Message = Union[
    Prepare, Attach, Detach, Spawn, Stop, Attached, Spawned, Exited, Failed, Level, Create, Created, NotCreated, Reaped,
    Ready, Born, Assign, Heard, Start, Terminate, Reset, Connect, Pause, Resume, Ended, Empty, Socket, Link,
]  # fmt: skip
_KINDS: dict[int, type[Message]] = {
    1: Prepare, 2: Attach, 3: Detach, 4: Spawn, 5: Stop,
    16: Attached, 17: Spawned, 18: Exited, 19: Failed, 20: Level,
    32: Create, 33: Created, 34: NotCreated, 35: Reaped, 36: Ready,
    40: Born, 41: Assign, 42: Heard,
    48: Start, 49: Terminate, 50: Reset, 51: Connect, 52: Pause, 53: Resume,
    56: Ended, 57: Empty, 58: Socket, 59: Link,
}  # fmt: skip
_KIND = struct.Struct("<Q")
_FORMS = {kind: struct.Struct(f"<Q{len(one._fields)}q") for kind, one in _KINDS.items()}
_NUMBERS = {one: kind for kind, one in _KINDS.items()}
_LONGEST = max(form.size for form in _FORMS.values())


class Received(NamedTuple):
    """A message, and the descriptors that came along: they are the receiver's to close."""

    message: Message
    descriptors: list[int]


def send(link: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send one message. Raises OSError."""
    kind = _NUMBERS[type(message)]
    ancillary = []
    if descriptors:
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes()))
    link.sendmsg([_FORMS[kind].pack(kind, *message)], ancillary)


def receive(link: socket.socket) -> Received | None:
    """Return the next message, or None where the peer is gone. Raises OSError, WrongMessageError among them."""
    space = socket.CMSG_SPACE(4 * MAX_DESCRIPTORS)
    try:
        data, ancillary, _, _ = link.recvmsg(_LONGEST + 1, space, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return None
    descriptors: list[int] = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
            descriptors.extend(received)
    if not data and not descriptors:
        return None
    try:
        return Received(_parse(data), descriptors)
    except WrongMessageError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def _parse(data: bytes) -> Message:
    kind = _KIND.unpack_from(data)[0] if len(data) >= _KIND.size else 0
    if kind not in _FORMS or len(data) != _FORMS[kind].size:
        raise WrongMessageError(0, f"{len(data)} bytes are no message of kind {kind}")
    return _KINDS[kind](*_FORMS[kind].unpack(data)[1:])
