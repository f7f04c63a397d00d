"""The Linux system calls that Python has no function for. Each raises OSError where the kernel refuses.

This module also runs inside zygotes, so it keeps to what Python 3.9 knows.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
_BIND = ctypes.c_ulong(MS_BIND)
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_CAPBSET_DROP = 1, 4, 8, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47

CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN = 5, 6, 7, 21

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_OPEN_TREE_CLONE = 1
_MOVE_MOUNT_F_EMPTY_PATH = 4
_FILTER_FLAG_NEW_LISTENER = 8

_PIVOT_ROOT, _CAPSET, _OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR, _SECCOMP = 155, 126, 428, 429, 442, 317


def version_of(release: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel's release."""
    major, minor = release.split("-")[0].split(".")[:2]
    return int(major), int(minor)


KERNEL = version_of(os.uname().release)


def _check(result: int, what: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def _call(what: str, number: int, *arguments: object) -> int:
    wrapped = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _check(_syscall(ctypes.c_long(number), *wrapped), what)


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    kind_bytes = kind.encode() if kind else None
    result = _libc.mount(source.encode(), target.encode(), kind_bytes, ctypes.c_ulong(flags), data.encode())
    _check(result, f"mount {target}")


def cover(target: bytes, file: bytes, directory: bytes) -> None:
    """Show `file` where there is a file at `target`, `directory` where there is a directory.

    An environment's start makes dozens of these calls, so nothing is looked up or converted for each.
    """
    if _libc.mount(file, target, None, _BIND, None) < 0:
        result = _libc.mount(directory, target, None, _BIND, None) if ctypes.get_errno() == errno.ENOTDIR else -1
        _check(result, f"cover {target.decode()}")


def unmount(target: str, flags: int = 0) -> None:
    _check(_libc.umount2(target.encode(), flags), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    _call("pivot_root", _PIVOT_ROOT, new.encode(), old.encode())


def open_tree(path: str, *, recursive: bool) -> int:
    """Return a descriptor of a detached copy of the mount at `path`."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return _call("open_tree", _OPEN_TREE, _AT_FDCWD, path.encode(), flags)


def move_mount(descriptor: int, target: str) -> None:
    """Attach a detached mount at `target`."""
    _call("move_mount", _MOVE_MOUNT, descriptor, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)


def restrict_mount(descriptor: int, attributes: int, *, recursive: bool) -> None:
    """Set mount attributes (read-only and so on) on a detached mount, mount_setattr(2)."""
    flags = _AT_EMPTY_PATH | (_AT_RECURSIVE if recursive else 0)
    _call("mount_setattr", _MOUNT_SETATTR, descriptor, b"", flags, struct.pack("<QQQQ", attributes, 0, 0, 0), 32)


def prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def drop_bounding_set() -> None:
    """Empty the bounding set, which needs CAP_SETPCAP: so before the others, and before a change of user."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            if ctypes.get_errno() != errno.EINVAL:  # EINVAL: the kernel knows no capability of that number
                _check(-1, "PR_CAPBSET_DROP")
            return


def keep_capabilities(kept: Iterable[int]) -> None:
    """Leave nothing but `kept` in the permitted and effective sets, and nothing in the inheritable one."""
    mask = sum(1 << capability for capability in kept)
    _call("capset", _CAPSET, struct.pack("<Ii", 0x20080522, 0), struct.pack("<6I", mask, mask, 0, 0, 0, 0))


def keep_capabilities_when_executed(kept: Iterable[int]) -> None:
    """Let `kept`, which are held, be held by what this process executes, whoever its user is."""
    mask = sum(1 << capability for capability in kept)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _call("capset", _CAPSET, struct.pack("<Ii", 0x20080522, 0), struct.pack("<6I", low, low, low, high, high, high))
    for capability in kept:
        _check(_libc.prctl(PR_CAP_AMBIENT, 2, ctypes.c_ulong(capability), 0, 0), "PR_CAP_AMBIENT_RAISE")


def install_filter(program: bytes, *, is_heard: bool = False) -> int:
    """Install a seccomp filter (classic BPF instructions); no_new_privs must be on.

    Return 0, or for one that `is_heard` the descriptor at which its notifications arrive.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("<H6xQ", len(program) // 8, ctypes.addressof(buffer))
    return _call("seccomp", _SECCOMP, 1, _FILTER_FLAG_NEW_LISTENER if is_heard else 0, header)
