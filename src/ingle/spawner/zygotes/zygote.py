"""A zygote: enters the minimal root, preloads its runtime, then forks an environment for each message.

It is started by the spawner as `python -c … KIND LINK ROOTLESS PLACE TREES…` and says READY on its link. It never
holds customer code: the copies run that, after they have given up every right.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

from .. import messages, signals, syscalls
from ..messages import Kind
from . import environment, launch, memory_image, root, rootless
from .rehearsal import rehearse

_REHEARSALS = 24


def main(arguments: list[str]) -> None:
    """Run a zygote until its spawner closes the link."""
    signals.disregard()
    kind, link_number, without_root, place, *trees = arguments
    link = socket.socket(fileno=int(link_number))
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    is_rootless = without_root == "1"
    if is_rootless:
        rootless.enter_user_namespace()
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.unshare(syscalls.CLONE_NEWNS)
    pairs = list(zip(trees[::2], trees[1::2]))  # noqa: B905 - Python 3.9
    # A Python finds its library inside the root too; the others run on ours, which isn't there.
    run = None if kind == "python" else launch.preload(kind)
    language = sys.base_prefix if kind == "python" else ""
    with open("/proc/self/smaps", "rb", buffering=0) as mappings:  # there is no /proc in the root
        root.build_root(place, pairs, language=language, with_host_proc=is_rootless)
        if run is None:
            run = launch.preload(kind)
            _rehearse()
            memory_image.prepare(mappings)
    gc.collect()
    gc.freeze()
    messages.send(link, Kind.READY)
    _serve(link, own_pid_namespace, run)


def _rehearse() -> None:
    """Run what every start runs until the interpreter has adapted to it: what that writes here, no copy has to write."""
    syscalls.mount("tmp", "/tmp", "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=1m")
    for _ in range(_REHEARSALS):
        rehearse()
    syscalls.unmount("/tmp")


def _serve(link: socket.socket, own_pid_namespace: int, run: Callable[[int, int], None]) -> None:
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    poller = select.poll()
    poller.register(link, select.POLLIN)
    poller.register(wake_read, select.POLLIN)
    while True:
        ready = [descriptor for descriptor, _ in poller.poll()]
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap(link)
        if link.fileno() in ready:
            message = messages.receive(link)
            if message is None:
                os._exit(0)
            _create(link, own_pid_namespace, message, run, (wake_read, wake_write))


def _reap(link: socket.socket) -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        messages.send(link, Kind.REAPED, pid)


def _create(
    link: socket.socket,
    own_pid_namespace: int,
    message: tuple[int, list[int], list[int]],
    run: Callable[[int, int], None],
    wake: tuple[int, int],
) -> None:
    birth = environment.Birth(message[1], message[2])

    def child() -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in wake:
            os.close(descriptor)
        environment.be_born(birth, link, run)

    try:
        pid = (
            rootless.fork_by_helper(lambda: _run_child(child))
            if birth.is_rootless
            else _fork_into_namespace(child, own_pid_namespace)
        )
    except OSError as error:  # the host is short of something; the next one may succeed
        sys.stderr.write(f"zygote: {error}\n")
        messages.send(link, Kind.FAILED, birth.identifier)
    else:
        messages.send(link, Kind.CREATED, birth.identifier, pid)
    finally:
        for descriptor in birth.descriptors:
            os.close(descriptor)


def _run_child(child: Callable[[], None]) -> None:
    try:
        child()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(70)


def _fork_into_namespace(child: Callable[[], None], own_pid_namespace: int) -> int:
    """Fork PID 1 of a new namespace, and come back to our own for the next one."""
    syscalls.unshare(syscalls.CLONE_NEWPID)
    try:
        pid = os.fork()
        if pid == 0:
            _run_child(child)
    finally:
        syscalls.setns(own_pid_namespace, syscalls.CLONE_NEWPID)
    return pid
