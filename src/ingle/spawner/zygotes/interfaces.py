"""Netlink sockets, by which programs list the interfaces of their own network: an environment's init makes each of them.

No control group pays for what such a socket holds, so its number and its buffers have to be bounded. The kernel holds up
a process that asks for one (seccomp_unotify(2)) and tells the init the call's arguments, three integers. The init counts
the sockets that live in its network, wherever they are, and hands over one more or an error. What the kernel answers on
a socket passes a filter for links, addresses and routes: some other answers tell of the whole host.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import select
import signal
import socket
import struct
from collections.abc import Iterable

from .. import messages
from ..kernel import call_arguments, seccomp, syscalls
from ..messages import Heard

MOST = 32
"""How many netlink sockets an environment may have, at 64 KiB of answers and 4 KiB of a question each."""
INIT_FILTER = seccomp.build_filter(makes_netlink=True)
_INNER_FILTER = seccomp.build_inner_filter()
_RECEIVE, _SEND, _ADD = call_arguments.NOTIFICATIONS.values()
_REQUEST = struct.Struct("<QIIiIQ6Q")
_ADDFD_FLAG_SEND = 2
_ANSWER_BYTES, _QUESTION_BYTES = 32 << 10, 0  # the kernel doubles the one, and takes its least for the other
_SO_ATTACH_FILTER, _SO_LOCK_FILTER = 26, 44
_TOLD = (2, 3, 16, 20, 24, 28, 32)
"""NLMSG_ERROR, NLMSG_DONE, RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH, RTM_NEWRULE: each of one network's own."""
_SETTINGS = "/proc/sys/kernel"
_PATIENCE_SECONDS = 0.5
_ADDFD_SINCE, _NO_FORMAT_BY_MODULE_SINCE = (5, 14), (6, 14)


def can_be_listed() -> bool:
    """Say whether functions may have netlink sockets on this kernel; seen from within an environment.

    One question (RTM_GETTFILTER) has the kernel start the host's modprobe, as root and charged to nobody. Before Linux 6.14
    to execute any file of an unknown format does the same: nothing new is opened there. Later kernels must load no modules.
    """
    return syscalls.KERNEL >= _ADDFD_SINCE and (syscalls.KERNEL < _NO_FORMAT_BY_MODULE_SINCE or not _loads_modules())


def _loads_modules() -> bool:
    try:
        return _read("modprobe") != b"" and _read("modules_disabled") != b"1"
    except FileNotFoundError:
        return not os.path.exists(_SETTINGS)  # a kernel without modules has neither
    except OSError:
        return True


def _read(setting: str) -> bytes:
    file = os.open(f"{_SETTINGS}/{setting}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, 4096).strip()
    finally:
        os.close(file)


def open_count() -> int:
    """Return a descriptor for `Requests` that tells how many sockets of each kind this network has."""
    return os.open("/proc/net/protocols", os.O_RDONLY | os.O_CLOEXEC)


def confine(link: socket.socket, instead: bytes) -> None:
    """Let this process and all it starts have no netlink socket but from their init, which is told where it hears of them.

    Some containers have their manager listen already, and only one can: then `instead` is the filter, which allows none.
    """
    try:
        listener = syscalls.install_filter(_INNER_FILTER, is_heard=True)
    except OSError:
        syscalls.install_filter(instead)
        return
    messages.send(link, Heard(), [listener])
    os.close(listener)


class Requests:
    """What the processes of an environment ask their init for: answered one at a time, between the init's orders."""

    def __init__(self, poller: select.poll, count: int) -> None:
        self._poller = poller
        self._count = count
        self._links: dict[int, socket.socket] = {}
        self._listeners: dict[int, None] = {}
        signal.signal(signal.SIGALRM, lambda *_: None)

    def expect(self, link: socket.socket) -> None:
        """Hear of a child over `link`, which is ours from here on, once it has confined itself: nobody waits for that."""
        self._links[link.fileno()] = link
        self._poller.register(link, select.POLLIN)

    def answer(self, events: Iterable[tuple[int, int]]) -> None:
        """Do what polling says that there is to do: answer the one of those who ask that has been answered longest ago."""
        happened = dict(events)
        for number in [number for number in self._links if number in happened]:
            self._listen(number)
        for listener in [listener for listener in self._listeners if listener in happened]:
            if happened[listener] & select.POLLIN:
                del self._listeners[listener]
                self._listeners[listener] = None
                self._answer(listener)
                return
            del self._listeners[listener]  # nobody is left who could ask there
            self._poller.unregister(listener)
            os.close(listener)

    def _listen(self, number: int) -> None:
        self._poller.unregister(number)
        with self._links.pop(number) as link:
            told = messages.receive(link)
        for listener in told.descriptors if told is not None else ():
            self._listeners[listener] = None
            self._poller.register(listener, select.POLLIN)

    def _answer(self, listener: int) -> None:
        """A process takes over its socket itself, and others of its environment may starve it: we wait half a second.

        Only that timer may interrupt us: a call that is interrupted then returns 0 to the process.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE_SECONDS, _PATIENCE_SECONDS)
        request = bytearray(_REQUEST.size)
        with contextlib.suppress(OSError):  # it has died or handles a signal: then it asks again, or never
            fcntl.ioctl(listener, _RECEIVE, request)
            identifier, _, _, _, _, _, _, kind, *_ = _REQUEST.unpack(request)
            try:
                self._hand_over(listener, identifier, kind)
            except OSError as error:
                refusal = struct.pack("<QqiI", identifier, 0, -(error.errno or errno.ENFILE), 0)
                fcntl.ioctl(listener, _SEND, refusal)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])

    def _hand_over(self, listener: int, identifier: int, kind: int) -> None:
        if self._living() >= MOST:
            raise OSError(errno.ENFILE, "no more netlink sockets")
        with _make(kind) as made:
            flags = os.O_CLOEXEC if kind & socket.SOCK_CLOEXEC else 0
            order = struct.pack("<QIIII", identifier, _ADDFD_FLAG_SEND, made.fileno(), 0, flags)
            fcntl.ioctl(listener, _ADD, order)

    def _living(self) -> int:
        """Return how many there are, those that nobody has a descriptor of but by a message among them."""
        table = b""
        while True:
            piece = os.pread(self._count, 1 << 16, len(table))  # the kernel gives a page at a time
            table += piece
            if not piece:
                break
        found = re.search(rb"^NETLINK +\d+ +(\d+) ", table, re.M)
        return int(found.group(1)) if found else MOST


def _make(kind: int) -> socket.socket:
    """Return a socket that holds little, and is told of its own network alone, for as long as it lives."""
    flags = kind & (call_arguments.TYPE_MASK | socket.SOCK_NONBLOCK)
    made = socket.socket(socket.AF_NETLINK, flags, call_arguments.NETLINK_ROUTE)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ANSWER_BYTES)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _QUESTION_BYTES)
        program = ctypes.create_string_buffer(_TOLD_ALONE, len(_TOLD_ALONE))
        header = struct.pack("<H6xQ", len(_TOLD_ALONE) // 8, ctypes.addressof(program))
        made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, header)
        made.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
    except OSError:
        made.close()
        raise
    return made


def _let_through(kinds: Iterable[int]) -> bytes:
    """Return a socket's filter for messages of some kinds: 16 bits at offset 4, in the host's order."""
    code = [(0x28, 0, 0, 4)]
    for kind in kinds:
        code += [(0x15, 0, 1, socket.htons(kind)), (0x06, 0, 0, 0xFFFFFFFF)]
    return b"".join(struct.pack("<HBBI", *one) for one in [*code, (0x06, 0, 0, 0)])


_TOLD_ALONE = _let_through(_TOLD)
