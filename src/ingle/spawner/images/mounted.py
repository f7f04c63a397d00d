"""Artifact images: sealed memory, mounted read-only through a loop device, once for each version."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from ..kernel import syscalls

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_LOOP_CTL_GET_FREE, _LOOP_CONFIGURE = 0x4C82, 0x4C0A
_LO_FLAGS_READ_ONLY, _LO_FLAGS_AUTOCLEAR = 1, 4
_TRIES = 16


def check_sealed(image: int) -> None:
    """Refuse memory that could still change: it would change under a live mount. Raises OSError."""
    if fcntl.fcntl(image, fcntl.F_GET_SEALS) & _SEALS != _SEALS:
        raise OSError(errno.EPERM, "the image is not sealed")


def _attach_loop(image: int) -> int:
    """Return an open loop device over `image`, which detaches by itself when its last user is gone."""
    config = struct.pack("<II", image, 512) + bytes(52)
    config += struct.pack("<I", _LO_FLAGS_READ_ONLY | _LO_FLAGS_AUTOCLEAR) + bytes(232 - 56) + bytes(64)
    control = os.open("/dev/loop-control", os.O_RDWR | os.O_CLOEXEC)
    try:
        for _ in range(_TRIES):
            number = fcntl.ioctl(control, _LOOP_CTL_GET_FREE)
            device = os.open(f"/dev/loop{number}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.ioctl(device, _LOOP_CONFIGURE, config)
            except OSError as error:
                os.close(device)
                if error.errno != errno.EBUSY:  # somebody else took it between the two calls
                    raise
            else:
                return device
    finally:
        os.close(control)
    raise OSError(errno.EBUSY, "no free loop device")


class Images:
    """The mounted images of this host, by number; they live in a mount namespace that only the spawner has."""

    def __init__(self, place: str) -> None:
        syscalls.unshare(syscalls.CLONE_NEWNS)
        syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
        self._place = place
        os.makedirs(place, mode=0o700, exist_ok=True)
        syscalls.mount("ingle-images", self._place, "tmpfs", syscalls.MS_NOSUID, "size=1m,mode=0700")
        self._next = 1

    def _path(self, number: int) -> str:
        return os.path.join(self._place, str(number))

    def begin(self, image: int) -> tuple[int, int]:
        """Mount a sealed EROFS image; return its number, and -1: nothing is to be waited for. Raises OSError."""
        check_sealed(image)
        number, self._next = self._next, self._next + 1
        device = _attach_loop(image)
        try:
            os.mkdir(self._path(number))
            flags = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
            syscalls.mount(f"/proc/self/fd/{device}", self._path(number), "erofs", flags)
        finally:
            os.close(device)
        return number, -1

    def finish(self, number: int) -> None:
        """Nothing is left to do for what is mounted."""

    def mount_descriptor(self, number: int) -> int:
        """Return a detached copy of an image's mount, to be attached to one environment."""
        return syscalls.open_tree(self._path(number), recursive=False)

    def detach(self, number: int) -> None:
        """Unmount an image; environments that have it keep it until they end."""
        syscalls.unmount(self._path(number), syscalls.MNT_DETACH)
        os.rmdir(self._path(number))

    def close(self) -> None:
        syscalls.unmount(self._place, syscalls.MNT_DETACH)
        os.rmdir(self._place)
