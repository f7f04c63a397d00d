"""What the kernel counts by user, or by nobody: a function that takes all that it can leaves others theirs."""

import contextlib
import ctypes
import errno
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.security.test_hostile_functions import PREAMBLE

MIB = 1 << 20
TAKE = """
    held = handler.held = []
    try:
        while len(held) < 2000:
            {take}
    except OSError as error:
        return [len(held), errno.errorcode[error.errno]]
    return [len(held), "endless"]
"""
TAKEN = {
    "inotify instances": ("held.append(os.open('/tmp', 0) and check(libc.inotify_init1(0)))", 128, "EMFILE"),
    "inotify watches": (
        "folder = '/tmp/%d' % len(held); os.mkdir(folder); handler.watch = getattr(handler, 'watch', None) or"
        " [check(libc.inotify_init1(0)) for _ in range(1)][0]; held.append(check(libc.inotify_add_watch("
        "handler.watch, folder.encode(), 2)))",
        2000,
        "endless",
    ),
    "pending signals": ("held.append(check(libc.sigqueue(os.getpid(), 40, None)))", 742, "EAGAIN"),
    "timers": (
        "held.append(check(libc.syscall(222, 1, None, ctypes.byref(ctypes.c_int()))))",
        742,
        "EAGAIN",
    ),
}


def taker(take: str) -> str:
    prelude = (
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [40])\n"
        "def check(result):\n    if result < 0:\n        raise OSError(ctypes.get_errno(), '')\n    return result\n"
    )
    return f"{PREAMBLE}{prelude}def handler(event, context):{TAKE.format(take=take)}"


@pytest.mark.parametrize("kind", TAKEN)
def test_what_the_kernel_counts_by_user_is_taken_from_nobody_else(kind: str, deploy: Any, invoke: Any) -> None:
    take, most, ended = TAKEN[kind]
    source = taker(take)
    names = [deploy(source, MemorySize=256, Timeout=10) for _ in range(3)]
    for name in names:  # each has its own, though the others hold theirs
        answer = invoke(name)
        assert answer.error is None, answer.payload
        count, why = answer.payload
        assert why == ended
        assert most - 8 <= count <= most


@pytest.mark.skipif(os.geteuid() != 0, reason="what is taken from root")
def test_the_hosts_root_keeps_its_own(deploy: Any, invoke: Any) -> None:
    for kind in ("inotify instances", "pending signals"):
        assert invoke(deploy(taker(TAKEN[kind][0]), MemorySize=256, Timeout=10)).error is None
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            descriptor = libc.inotify_init1(0)
            assert descriptor >= 0, errno.errorcode[ctypes.get_errno()]
            stack.callback(os.close, descriptor)


def socket_mib() -> float:
    """Return what all TCP and UDP sockets of the machine hold, whatever their network."""
    text = Path("/proc/net/sockstat").read_text()
    return sum(int(pages) for pages in re.findall(r"^(?:TCP|UDP): .*\bmem (\d+)", text, re.M)) * 4096 / MIB


FILL = {
    "udp": """
    block = bytes(60000)
    while len(held) < 900:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        one.bind(("127.0.0.1", 0))
        one.setblocking(False)
        held.append(one)
        try:
            for _ in range(12):
                one.sendto(block, one.getsockname())
        except OSError:
            pass
    """,
    "tcp": """
    block, door = bytes(1 << 20), socket.create_server(("127.0.0.1", 0), backlog=1024)
    while len(held) < 400:
        one = socket.create_connection(door.getsockname())
        one.setblocking(False)
        held += [one, door.accept()[0]]
        try:
            for _ in range(12):
                one.send(block)
        except OSError:
            pass
    """,
}


@contextlib.contextmanager
def watching() -> Iterator[list[float]]:
    before = socket_mib()
    grown: list[float] = []
    yield grown
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        grown.append(socket_mib() - before)
        time.sleep(0.05)


@pytest.mark.parametrize("kind", FILL)
def test_a_function_that_fills_sockets_holds_little_of_the_hosts_memory(kind: str, deploy: Any, invoke: Any) -> None:
    source = f"{PREAMBLE}def handler(event, context):\n    held = handler.held = []{FILL[kind].rstrip()}\n    return len(held)\n"
    name = deploy(source, MemorySize=256, Timeout=20)
    with watching() as grown:
        invoke(name)  # it may be killed for want of memory, where its group pays
    assert max(grown) < 100


QUEUES = """
    for _ in range(300):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.setsockopt(socket.IPPROTO_IP, 11, 1)  # IP_RECVERR
        one.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER: never in pieces
        one.connect(("127.0.0.1", 9))
        held.append(one)
        for _ in range(300):
            refused(lambda: one.send(bytes(65520)))
    return sum(queued(one) for one in held)
"""
QUEUED = """
def queued(one):
    try:
        return len(one.recvmsg(1, 1024, 0x2000 | 0x40)[1])  # MSG_ERRQUEUE, MSG_DONTWAIT
    except OSError:
        return 0
"""


def test_no_queue_holds_what_no_group_pays_for(deploy: Any, invoke: Any) -> None:
    source = f"{PREAMBLE}{QUEUED}def handler(event, context):\n    held = handler.held = []{QUEUES}"
    assert invoke(deploy(source, MemorySize=256, Timeout=20)).payload == 0
