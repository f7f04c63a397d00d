"""User namespaces made ahead, each with a range of host uids of its own."""

from __future__ import annotations

import contextlib
import os
import signal

from . import syscalls
from .stock import Stock

FIRST_ID = 1 << 30
_STRIDE = 1 << 16
_IDS = _STRIDE - 1
_SLOTS = 40_000
_LIMITS = {
    **dict.fromkeys(
        (f"max_{kind}_namespaces" for kind in ("user", "pid", "uts", "ipc", "net", "mnt", "cgroup", "time")), 0
    ),
    "max_inotify_instances": 128,
    "max_inotify_watches": 8192,
    "max_fanotify_groups": 0,
}
"""What each user in an environment may have of what the kernel counts by user (namespaces(7), inotify(7))."""


def is_root_of_the_host() -> bool:
    """Say whether our user is uid 0 outside as well, whatever name a user namespace has for it (user_namespaces(7)).

    Who owns the host's files needs no capability to write them. A user who has no name here may be anybody.
    """
    user = os.getuid()
    with open("/proc/self/uid_map") as file:
        for line in file:
            inside, outside, count = map(int, line.split())
            if inside <= user < inside + count:
                return outside + user - inside == 0
    return True


class UserNamespaces(Stock):
    """Hands out user namespaces as (slot, descriptor); a slot's range is used again only after it was given back."""

    def __init__(self) -> None:
        super().__init__()
        self._made = 0

    def give_back(self, slot: int, descriptor: int) -> None:
        self._free.append((slot, descriptor))

    def _make(self) -> tuple[int, int]:
        if self._made >= _SLOTS:
            raise OSError(0, "no uid range is left")
        made = self._made, _make_namespace(FIRST_ID + self._made * _STRIDE)
        self._made += 1
        return made


def _become_maker(user: int) -> None:
    """Become a user who may make a namespace, whatever a host allows its ordinary users, and nothing else."""
    syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    syscalls.keep_capabilities((syscalls.CAP_SYS_ADMIN,))


def _limit_users() -> None:
    for name, limit in _LIMITS.items():
        # An older kernel doesn't count everything.
        with contextlib.suppress(FileNotFoundError), open(f"/proc/sys/user/{name}", "w") as file:
            file.write(str(limit))


def _make_namespace(first: int) -> int:
    """Return a descriptor of a new user namespace whose ids 0 to 65534 are `first` and on of the host.

    What the kernel counts by user in a namespace, it counts for the namespace's maker as well (include/linux/
    user_namespace.h, ucounts). So a user of the host makes it who is nobody else and nobody in it: the last of its range.
    """
    ready_read, ready_write = os.pipe2(os.O_CLOEXEC)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            # It must not outlive the spawner, nor hold the worker's link open for it.
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(ready_write, 0)
            ready_write = 0
            os.closerange(1, 1 << 16)
            if os.getppid() != parent:
                os._exit(1)
            _become_maker(first + _IDS)
            syscalls.unshare(syscalls.CLONE_NEWUSER)
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # new credentials may have cleared it
            _limit_users()
            os.write(ready_write, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(ready_write)
    try:
        if os.read(ready_read, 1) != b"1":
            raise OSError(0, "can't make a user namespace")
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{child}/{name}", "w") as file:
                file.write(f"0 {first} {_IDS}")
        return os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready_read)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
