"""The spawner's loop: few peers, one thread, messages one after the other."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import selectors
import socket
import struct
import sys

from . import messages
from .kernel import signals
from .kernel.cgroups import Groups
from .kernel.user_namespaces import is_root_of_the_host
from .messages import Attach, Detach, Failed, Message, Prepare, Spawn, Stop
from .operations import Operations
from .runtimes import Runtime

_SHORT_S = 1.0
_WORKERS = 2
_BACKLOG = 16
_STOP = b"S"
_READY = b"ready\n"


class Spawner:
    """Listens for workers - one, and another one that takes its place while it finishes - and carries out what it asks for."""

    def __init__(self, listener: socket.socket, operations: Operations, selector: selectors.BaseSelector) -> None:
        self._listener = listener
        self._operations = operations
        self._selector = selector
        self._is_ending = False
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def run(self) -> None:
        """Serve until told to stop; then kill what is left and clean up."""
        wait_s: float | None = 0.0
        while not self._is_ending:
            ready = self._selector.select(wait_s)
            for key, _ in ready:
                key.data()
            wait_s = 0.0 if ready else self._get_ahead()
        for worker in list(self._operations.workers):
            self._operations.leave(worker)
        self._operations.close()

    def _get_ahead(self) -> float | None:
        try:
            return self._operations.get_ahead()
        except OSError as error:  # the host is short of something: whoever asks for an environment will be told
            _complain(f"can't get ahead: {error}")
            return _SHORT_S

    def follow(self, supervisor: socket.socket) -> None:
        """End once the supervisor says so, or is gone; no signal says it (`transport.lifeline`)."""
        self._selector.register(supervisor, selectors.EVENT_READ, lambda: self._obey(supervisor))
        supervisor.send(_READY)

    def _obey(self, supervisor: socket.socket) -> None:
        try:
            orders = supervisor.recv(64)
        except OSError:
            orders = b""
        self._is_ending = self._is_ending or not orders or _STOP in orders

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] != os.getuid() or len(self._operations.workers) >= _WORKERS:
            peer.close()
            return
        self._operations.join(peer)
        self._selector.register(peer, selectors.EVENT_READ, lambda: self._hear(peer))

    def _hear(self, peer: socket.socket) -> None:
        try:
            received = messages.receive(peer)
        except OSError:
            received = None
        if received is None:
            self._selector.unregister(peer)
            peer.close()
            self._operations.leave(peer)
            return
        message, descriptors = received
        try:
            self._carry_out(peer, message, descriptors)
        except (OSError, LookupError, ValueError) as error:
            _complain(f"{type(message).__name__} failed: {error}")
            if isinstance(message, (Attach, Spawn)):
                with contextlib.suppress(OSError):
                    messages.send(peer, Failed(message.token))
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _carry_out(self, peer: socket.socket, message: Message, descriptors: list[int]) -> None:
        if isinstance(message, Prepare):
            self._operations.prepare(message.runtime)
        elif isinstance(message, Attach):
            self._operations.attach(peer, message.token, descriptors[0])
        elif isinstance(message, Detach):
            self._operations.detach(peer, message.image)
        elif isinstance(message, Spawn) and len(descriptors) in (5, 6):
            self._operations.spawn(peer, message, descriptors)
        elif isinstance(message, Stop):
            self._operations.stop(peer, message.identifier)
        else:
            raise ValueError("not a message for the spawner")


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):  # the log may be on a full disk
        sys.stderr.write(f"spawner: {text}\n")
        sys.stderr.flush()


def _listen(path: str) -> socket.socket:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    listener.bind(path)
    os.umask(before)
    listener.listen(_BACKLOG)
    return listener


def main() -> int:
    """Start the spawner; its standard input is the line to its supervisor."""
    parser = argparse.ArgumentParser(prog="ingle.spawner")
    parser.add_argument("--socket", default="")
    parser.add_argument("--runtime-packages", default="")
    parser.add_argument("--cgroup-root", default="")
    parser.add_argument("--cgroup-name", default="ingle")
    parser.add_argument("--rootless", action="store_true")
    parser.add_argument("--unpack-images", action="store_true")
    options = parser.parse_args()
    if options.rootless and is_root_of_the_host():
        _complain("functions would be the host's root: refused")
        return 1
    signals.disregard()
    supervisor = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        _serve(options, _read_runtimes(supervisor), supervisor)
    except Exception as error:
        with contextlib.suppress(OSError):
            supervisor.send(b"failed " + f"{type(error).__name__}: {error}".encode()[:1000] + b"\n")
        raise
    return 0


def _read_runtimes(supervisor: socket.socket) -> list[Runtime]:
    """Return the runtimes that the supervisor has found: nothing is looked for with our rights."""
    (length,) = struct.unpack(">I", supervisor.recv(4, socket.MSG_WAITALL))
    return [Runtime(**one) for one in json.loads(supervisor.recv(length, socket.MSG_WAITALL))]


def _serve(options: argparse.Namespace, runtimes: list[Runtime], supervisor: socket.socket) -> None:
    selector = selectors.DefaultSelector()
    packages, place = options.runtime_packages, os.path.dirname(options.socket)
    operations = Operations(
        selector,
        runtimes,
        packages,
        place,
        Groups(options.cgroup_root, options.cgroup_name) if options.cgroup_root else None,
        rootless=options.rootless,
        unpack_images=options.unpack_images,
    )
    spawner = Spawner(_listen(options.socket), operations, selector)
    spawner.follow(supervisor)
    spawner.run()
    with contextlib.suppress(FileNotFoundError):
        os.unlink(options.socket)
