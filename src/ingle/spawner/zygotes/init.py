"""PID 1 of an execution environment: starts what runs in it, reaps it, ends it, and knows nothing of the customer.

It keeps of its rights only those to change the user of what it starts and to signal it, both within the environment's
own user namespace. Orders come from the spawner until it has told whose environment this is, then from the worker
alone; each is a few integers and descriptors (`spawner.messages`). Every child is confined before it reads anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from .. import messages
from ..kernel import seccomp, signals, syscalls
from ..messages import (
    Assign,
    Born,
    Connect,
    Empty,
    Ended,
    Link,
    Message,
    Pause,
    Reset,
    Resume,
    Socket,
    Start,
    Terminate,
)
from . import interfaces
from .rehearsal import rehearse

USER_ID, GROUP_ID = 993, 990
RUNTIME = 0
"""The number of the runtime among an environment's processes; extensions count from 1."""
_FILTER = seccomp.build_filter()
_KEPT = (syscalls.CAP_KILL, syscalls.CAP_SETGID, syscalls.CAP_SETUID)
_ORDERS, _WAKE_READ, _WAKE_WRITE, _WAITING = 3, 4, 5, 6
_CONFIGURATION, _OUTPUT, _TELEMETRY, _EXTENSIONS, _WORKER, _IMAGE = range(7, 13)
_NETLINK_COUNT = 13
_FIRST_LOOSE = 14

_LIMITS = {
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_MEMLOCK: 65536,
    resource.RLIMIT_MSGQUEUE: 0,
    resource.RLIMIT_RTPRIO: 0,
    resource.RLIMIT_NICE: 0,
}
_LIMITS_OF_A_USER = {resource.RLIMIT_NPROC: 742, resource.RLIMIT_SIGPENDING: 742}

Run = Callable[[int, int], None]


def serve(orders: int, listener: int, run: Run) -> None:
    """Be PID 1: never returns. `run` is called as run(3, number) in a confined child, 3 being its configuration,
    4 its telemetry, 5 a connection to the Runtime API, and 6 the image that it shall become, if there is one."""
    lists_interfaces = interfaces.can_be_listed()
    link = _give_up(orders, listener, lists_interfaces=lists_interfaces)
    waiting = _fork_waiting(run, lists_interfaces=lists_interfaces)
    given = [_FIRST_LOOSE] if listener >= 0 else []
    messages.send(link, Born(), given)
    for descriptor in given:
        os.close(descriptor)
    assigned = messages.receive(link)
    if assigned is None or not isinstance(assigned.message, Assign):
        os._exit(0)
    numbers = (_CONFIGURATION, _OUTPUT, _TELEMETRY, _EXTENSIONS, _WORKER, _IMAGE)
    _place(dict(zip(numbers, assigned.descriptors)))  # noqa: B905 - 3.9
    link.close()
    images = [_IMAGE] if len(assigned.descriptors) == len(numbers) else []
    _Init(run, waiting, images, lists_interfaces=lists_interfaces).run()


def _give_up(orders: int, listener: int, *, lists_interfaces: bool) -> socket.socket:
    """Keep a few descriptors and three capabilities, and let the filter hold for all that comes after."""
    null = os.open("/dev/null", os.O_RDWR)
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK)
    kept = {0: null, 1: null, 2: 2, _ORDERS: orders, _WAKE_READ: wake_read, _WAKE_WRITE: wake_write}
    if listener >= 0:
        kept[_FIRST_LOOSE] = listener
    if lists_interfaces:
        kept[_NETLINK_COUNT] = interfaces.open_count()
    _place(kept)
    os.closerange(_FIRST_LOOSE + (listener >= 0), 4096)
    os.closerange(_WAKE_WRITE + 1, _NETLINK_COUNT + (not lists_interfaces))
    for number in signals.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(_WAKE_WRITE, warn_on_full_buffer=False)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    with contextlib.suppress(PermissionError):
        syscalls.drop_bounding_set()
    syscalls.keep_capabilities(_KEPT)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # without root, functions have our user id: our /proc is not for them
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.install_filter(interfaces.INIT_FILTER if lists_interfaces else _FILTER)
    return socket.socket(fileno=_ORDERS)


def _place(wanted: dict[int, int]) -> None:
    """Give descriptors the numbers that are wanted; what had these before is closed."""
    moved = {target: fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, 64) for target, source in wanted.items()}
    for source in set(wanted.values()) - set(wanted):
        os.close(source)
    for target, source in moved.items():
        os.dup2(source, target, inheritable=False)
        os.close(source)


def _fork_waiting(run: Run, *, lists_interfaces: bool) -> tuple[int, socket.socket]:
    """Fork a child that is confined already and waits for what it shall be: its pid, and where to tell it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            _place({_WAITING: theirs.detach()})
            _become(socket.socket(fileno=_WAITING), run, lists_interfaces=lists_interfaces)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(70)
    theirs.close()
    return pid, ours


def _become(waiting: socket.socket, run: Run, *, lists_interfaces: bool) -> None:
    """Give up all rights, wait for the order, then run with standard streams and descriptors 3 to 6 alone."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    os.closerange(_ORDERS, _WAITING)
    os.closerange(_WAITING + 1, 128)
    os.setsid()
    for kind, limit in _limits(is_rootless=os.getuid() == USER_ID).items():
        resource.setrlimit(kind, (limit, limit))
    core = _core_limit()
    resource.setrlimit(resource.RLIMIT_CORE, (core, core))
    if os.getuid() != USER_ID:
        os.setresgid(GROUP_ID, GROUP_ID, GROUP_ID)
        os.setresuid(USER_ID, USER_ID, USER_ID)
    syscalls.keep_capabilities(())
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # changing ids made our own /proc/self unreadable to us
    for name in ("oom_score_adj", "coredump_filter"):  # like others for want of memory; nothing of it in a core
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write("0")
    os.umask(0o022)
    if lists_interfaces:
        interfaces.confine(waiting, _FILTER)
    rehearse()
    order = messages.receive(waiting)
    if order is None or not isinstance(order.message, Start):
        os._exit(0)
    for number in (signal.SIGTERM, signal.SIGHUP):  # what is blank outlives a signal to the host's whole unit
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    waiting.detach()
    configuration, output, *rest = order.descriptors
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (0, output, output, configuration, *rest)]
    for target, source in enumerate(moved):
        os.dup2(source, target, inheritable=target in (0, 1, 2, 4))
    os.closerange(len(moved), 128)
    os.chdir("/var/task")
    run(3, order.message.number)
    os._exit(0)


def _limits(*, is_rootless: bool) -> dict[int, int]:
    """Return the limits of what runs in an environment: Lambda's own, and what the kernel counts by user.

    Before Linux 5.14 it counts processes and signals over user namespaces, so that without root the user's own would count.
    """
    return _LIMITS if is_rootless and syscalls.KERNEL < (5, 14) else {**_LIMITS, **_LIMITS_OF_A_USER}


def _core_limit() -> int:
    """Return Lambda's limit where a core could only go to an environment's own memory; else 1, which alone prevents it.

    Where the host has a handler for cores, the kernel starts it as root on the host whatever the limit, but for 1 (core(5)).
    """
    try:
        with open("/proc/sys/kernel/core_pattern", "rb") as file:
            goes_to_host = file.read(1) in (b"|", b"@")
    except OSError:
        goes_to_host = True
    return 1 if goes_to_host else 10_737_418_240


class _Init:
    """PID 1 once it is known whose environment this is."""

    def __init__(
        self, run: Run, waiting: tuple[int, socket.socket], images: list[int], *, lists_interfaces: bool
    ) -> None:
        self._run = run
        self._images = images
        self._waiting: tuple[int, socket.socket] | None = waiting
        self._worker = socket.socket(fileno=_WORKER)
        self._numbers: dict[int, int] = {}
        self._poller = select.poll()
        self._requests = interfaces.Requests(self._poller, _NETLINK_COUNT) if lists_interfaces else None

    def run(self) -> None:
        """Carry out the worker's orders until it is gone; then end, and with us everything here."""
        self._poller.register(self._worker, select.POLLIN)
        self._poller.register(_WAKE_READ, select.POLLIN)
        while True:
            events = self._poller.poll()
            ready = [descriptor for descriptor, _ in events]
            if _WAKE_READ in ready:
                os.read(_WAKE_READ, 4096)
                self._reap()
            if _WORKER in ready:
                order = messages.receive(self._worker)
                if order is None:
                    os._exit(0)
                try:
                    self._carry_out(order.message)
                except OSError as error:
                    sys.stderr.write(f"init: {type(order.message).__name__}: {error}\n")
            if self._requests is not None:
                self._requests.answer(events)

    def _carry_out(self, order: Message) -> None:
        if isinstance(order, Start):
            self._start(order.number)
        elif isinstance(order, Terminate):
            for pid in [pid for pid, known in self._numbers.items() if known == order.number]:
                os.kill(pid, signal.SIGTERM)
        elif isinstance(order, Reset):
            self._kill_all()
            self._tell(Empty())
        elif isinstance(order, Connect):
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
                self._tell(Socket(), [made.fileno()])
        elif isinstance(order, (Pause, Resume)):
            _signal_all(signal.SIGSTOP if isinstance(order, Pause) else signal.SIGCONT)

    def _start(self, number: int) -> None:
        pid, link = self._waiting or _fork_waiting(self._run, lists_interfaces=self._requests is not None)
        self._waiting = None
        self._numbers[pid] = number
        if self._requests is not None:
            self._requests.expect(link.dup())
        output = _OUTPUT if number == RUNTIME else _EXTENSIONS
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)  # to the Runtime API, for who can use it
        with link, ours, theirs:
            images = self._images if number == RUNTIME else []
            descriptors = [_CONFIGURATION, output, _TELEMETRY, theirs.fileno(), *images]
            messages.send(link, Start(number), descriptors)
            if number == RUNTIME:
                self._tell(Link(), [ours.fileno()])

    def _kill_all(self) -> None:
        """Kill everything but ourselves; nothing of it is left on return."""
        self._waiting = None
        _signal_all(signal.SIGKILL)
        while True:
            try:
                pid, status, usage = os.wait4(-1, 0)
            except ChildProcessError:
                return
            self._ended(pid, status, usage.ru_maxrss)
            _signal_all(signal.SIGKILL)  # what was forked meanwhile

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._ended(pid, status, usage.ru_maxrss)

    def _ended(self, pid: int, status: int, peak_kib: int) -> None:
        number = self._numbers.pop(pid, None)
        if number is not None:
            self._tell(Ended(number, status, peak_kib))

    def _tell(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        with contextlib.suppress(OSError):  # a worker that is gone is noticed by its closed link
            messages.send(self._worker, message, descriptors)


def _signal_all(number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(-1, number)
