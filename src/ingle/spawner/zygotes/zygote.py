"""A zygote: enters the minimal root, preloads its runtime, then forks an environment for each message.

It is started by the spawner as `python -c … KIND LINK ROOTLESS PLACE TREES…` and says READY on its link. One for Python
begins anew inside the root, so that all it has imported comes from where functions see it. It never holds customer
code: the copies run that, after they have given up every right.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

from .. import messages
from ..kernel import signals, syscalls
from ..messages import Create, Created, NotCreated, Ready, Reaped, Received
from . import environment, launch, memory_image, root, rootless
from .init import GROUP_ID, USER_ID
from .rehearsal import rehearse

_REHEARSALS = 24
_ANEW = "import sys; sys.path[0] = '/var/rapid'; from spawner.zygotes import zygote; zygote.go_on(sys.argv[1:])"


def main(arguments: list[str]) -> None:
    """Run a zygote until its spawner closes the link."""
    signals.disregard()
    kind, link_number, without_root, place, *trees = arguments
    link = socket.socket(fileno=int(link_number))
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    is_rootless = without_root == "1"
    if is_rootless:
        rootless.enter_user_namespace(USER_ID, GROUP_ID)
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    syscalls.unshare(syscalls.CLONE_NEWNS)
    pairs = list(zip(trees[::2], trees[1::2]))  # noqa: B905 - Python 3.9
    if kind == "python":
        _begin_anew(link, own_pid_namespace, lambda: root.build_root(place, pairs, with_host_proc=is_rootless))
    run = launch.preload(kind)  # it runs on our Python, whose library isn't in the root
    root.build_root(place, pairs, with_host_proc=is_rootless)
    _announce(link, own_pid_namespace, run)


def _begin_anew(link: socket.socket, own_pid_namespace: int, enter_root: Callable[[], None]) -> None:
    """Become the same Python inside the root: never returns."""
    own_process = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)  # there is no /proc in the root
    enter_root()
    descriptors = (link.fileno(), own_pid_namespace, own_process)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    environment = {"LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": "/var/lang/lib"}
    interpreter = "/var/lang/bin/python%d.%d" % sys.version_info[:2]
    signal.pthread_sigmask(signal.SIG_BLOCK, signals.SIGNALS)  # until `go_on` disregards them: handlers end here
    os.execve(interpreter, [interpreter, "-c", _ANEW, *map(str, descriptors)], environment)


def go_on(arguments: list[str]) -> None:
    """Preload a Python runtime inside the root, then run as a zygote until the spawner closes the link."""
    signals.disregard()
    numbers = [int(argument) for argument in arguments]
    for number in numbers:
        os.set_inheritable(number, False)
    run = launch.preload("python")
    _rehearse()
    with open(os.open("smaps", os.O_RDONLY, dir_fd=numbers[2]), "rb", buffering=0) as mappings:
        memory_image.prepare(mappings)
    os.close(numbers[2])
    syscalls.unmount(root.OWN, syscalls.MNT_DETACH)
    _announce(socket.socket(fileno=numbers[0]), numbers[1], run)


def _announce(link: socket.socket, own_pid_namespace: int, run: Callable[[int, int], None]) -> None:
    gc.collect()
    gc.freeze()
    messages.send(link, Ready())
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
            received = messages.receive(link)
            if received is None:
                os._exit(0)
            _create(link, own_pid_namespace, received, run, (wake_read, wake_write))


def _reap(link: socket.socket) -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        messages.send(link, Reaped(pid))


def _create(
    link: socket.socket,
    own_pid_namespace: int,
    received: Received,
    run: Callable[[int, int], None],
    wake: tuple[int, int],
) -> None:
    assert isinstance(received.message, Create)
    birth = environment.Birth(received.message, received.descriptors)

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
        messages.send(link, NotCreated(birth.identifier))
    else:
        messages.send(link, Created(birth.identifier, pid))
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
