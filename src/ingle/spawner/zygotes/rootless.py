"""What differs where nobody is root: nothing here runs with a right over the host, for its spawner refuses to be root."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable

from ..images import unpack
from ..kernel import syscalls


def enter_user_namespace(user: int, group: int) -> None:
    """Enter a user namespace in which our one user has the environments' name, with every right over it.

    It has no root: /proc of what is executed in it belongs to its root, so there to nobody who runs here.
    """
    uid, gid = os.getuid(), os.getgid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, content in (("setgroups", "deny"), ("uid_map", f"{user} {uid} 1"), ("gid_map", f"{group} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)
    with open("/proc/self/status") as file:
        held = next(int(line.split()[1], 16) for line in file if line.startswith("CapPrm:"))
    syscalls.keep_capabilities_when_executed([number for number in range(64) if held >> number & 1])


def unpack_at(image: int, place: str) -> None:
    """Fill a read-only file system of memory with an image: without root the kernel mounts none for us."""
    plain = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("unpacked", place, "tmpfs", plain, "mode=0755")
    unpack.unpack_image(image, place)
    syscalls.mount("none", place, None, syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | plain)


def fork_by_helper(child: Callable[[], None]) -> int:
    """Fork PID 1 of a new namespace without the right to come back from there: a helper enters, forks and ends, and the child becomes ours.

    `child` never returns. It waits until the helper is wholly gone: its parent-death signal must mean us.
    """
    pid_read, pid_write = os.pipe2(os.O_CLOEXEC)
    go_read, go_write = os.pipe2(os.O_CLOEXEC)
    helper = os.fork()
    if helper == 0:
        try:
            syscalls.unshare(syscalls.CLONE_NEWPID)
            pid = os.fork()
            if pid == 0:
                os.close(go_write)
                os.read(go_read, 1)
                child()
            os.write(pid_write, struct.pack("<i", pid))
        finally:
            os._exit(0)
    os.close(pid_write)
    os.waitpid(helper, 0)
    told = os.read(pid_read, 4)
    for descriptor in (go_write, go_read, pid_read):
        os.close(descriptor)
    if len(told) != 4:
        raise OSError(errno.EAGAIN, "the helper could not fork")
    return int(struct.unpack("<i", told)[0])
