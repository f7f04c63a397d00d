"""Artifact images where the kernel mounts no EROFS: unpacked once each, into a read-only file system of memory.

Images are what customers made, so whoever reads them has no right to anything: a child with a user of its own, no
capability, the environments' seccomp filter, no network, and nothing in sight but the empty file system that it
fills. When it has ended, and left no writer, that becomes read-only as a whole.
"""

from __future__ import annotations

import os
import resource
import signal

from ..kernel import seccomp, syscalls
from ..kernel.user_namespaces import FIRST_ID
from . import unpack
from .mounted import Images, check_sealed

_UNPACKER = FIRST_ID - 1
_LIMITS = {
    resource.RLIMIT_CPU: 20,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_CORE: 1,  # 0 would still start a core handler of the host's (core(5))
}
_INODE_BYTES = 32
_ROOM_BYTES = 1 << 20
_PLAIN = syscalls.MS_NOSUID | syscalls.MS_NODEV


class UnpackedImages(Images):
    """Images that are file systems of memory; they are detached and handed on like mounted ones."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self._children: dict[int, int] = {}

    def begin(self, image: int) -> tuple[int, int]:
        """Have a sealed image unpacked; return its number and a descriptor of the child that does it."""
        check_sealed(image)
        number, self._next = self._next, self._next + 1
        size = os.fstat(image).st_size
        os.mkdir(self._path(number))
        room = f"size={size + _ROOM_BYTES},nr_inodes={size // _INODE_BYTES + 16}"
        options = f"{room},mode=0755,uid={_UNPACKER},gid={_UNPACKER}"
        syscalls.mount("ingle-unpacked", self._path(number), "tmpfs", _PLAIN, options)
        child = os.fork()
        if child == 0:
            try:
                _confine(image, self._path(number))
                unpack.unpack_image(0, ".")
                os._exit(0)
            finally:
                os._exit(1)  # without a word: an error might quote a customer's file
        self._children[number] = child
        return number, os.pidfd_open(child)

    def finish(self, number: int) -> None:
        """Make what was unpacked read-only; its child has ended. Raises OSError where it could not do it."""
        _, status = os.waitpid(self._children.pop(number), 0)
        if status != 0:
            self.detach(number)
            raise OSError(0, "an image could not be unpacked")
        flags = syscalls.MS_REMOUNT | syscalls.MS_RDONLY | _PLAIN
        syscalls.mount("none", self._path(number), None, flags)


def _confine(image: int, place: str) -> None:
    """Give up everything but the image, as descriptor 0, and the file system at `place`, as root and directory."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    os.dup2(image, 0)
    os.closerange(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    syscalls.unshare(
        syscalls.CLONE_NEWNS
        | syscalls.CLONE_NEWNET
        | syscalls.CLONE_NEWIPC
        | syscalls.CLONE_NEWUTS
        | syscalls.CLONE_NEWCGROUP
    )
    os.chdir(place)
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".", syscalls.MNT_DETACH)
    os.chdir("/")
    for kind, limit in _LIMITS.items():
        resource.setrlimit(kind, (limit, limit))
    os.umask(0o022)
    syscalls.drop_bounding_set()
    os.setgroups([])
    os.setresgid(_UNPACKER, _UNPACKER, _UNPACKER)
    os.setresuid(_UNPACKER, _UNPACKER, _UNPACKER)
    syscalls.keep_capabilities(())
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of user has cleared it
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.install_filter(seccomp.build_filter())
