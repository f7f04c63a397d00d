"""What a process holds outside its memory, and how a copy of it has the same as its own: files, sockets, /tmp.

A file that is open is opened again by its name, a connection to somewhere else is one whose other end has hung up, as
it would be after the days that may lie between a snapshot and its restore. What can be neither is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Collection
from typing import Any

from .memory_image import NoImageError

_TMP_LIMIT_BYTES = 64 << 20
_PASSING = os.O_CREAT | os.O_EXCL | os.O_TRUNC
Entry = tuple[str, os.stat_result, Any]


class Holdings:
    """The folder, the open files and the contents of `tmp`, of the process that makes one; `given` are no business of ours.

    Raises NoImageError for what no copy can have.
    """

    def __init__(self, given: Collection[int], tmp: str) -> None:
        self._folder = os.getcwd()
        self._mask = os.umask(0o022)
        os.umask(self._mask)
        self._files = _pack(tmp)
        self._reopen = [(number, _how_to_reopen(number)) for number in _descriptors() if number not in given]

    def restore(self) -> None:
        """Have it all again, in a copy."""
        _unpack(self._files)
        for number, reopen in self._reopen:
            made = reopen()
            if made != number:
                os.dup2(made, number, inheritable=False)
                os.close(made)
        with contextlib.suppress(OSError):
            os.chdir(self._folder)
        os.umask(self._mask)


def _descriptors() -> list[int]:
    found = []
    for name in os.listdir("/proc/self/fd"):  # one of them is the listing's own
        with contextlib.suppress(OSError):
            os.fstat(int(name))
            found.append(int(name))
    return sorted(found)


def _how_to_reopen(number: int) -> Callable[[], int]:
    kind = os.fstat(number).st_mode
    name = os.readlink(f"/proc/self/fd/{number}")
    if (stat.S_ISREG(kind) or stat.S_ISCHR(kind) or stat.S_ISDIR(kind)) and os.path.exists(name):
        return _reopening_file(number, name, seekable=stat.S_ISREG(kind))
    if stat.S_ISSOCK(kind):
        with socket.socket(fileno=os.dup(number)) as one:
            if one.family in (socket.AF_INET, socket.AF_INET6) and not _listens(one):
                return _reopening_socket(one)
    raise NoImageError(f"its init has left open what a copy can't have: {name.partition(':[')[0]}")


def _reopening_file(number: int, name: str, *, seekable: bool) -> Callable[[], int]:
    flags = fcntl.fcntl(number, fcntl.F_GETFL) & ~_PASSING
    at = os.lseek(number, 0, os.SEEK_CUR) if seekable else 0

    def reopen() -> int:
        made = os.open(name, flags | os.O_CLOEXEC)
        if at:
            os.lseek(made, at, os.SEEK_SET)
        return made

    return reopen


def _listens(one: socket.socket) -> bool:
    return bool(one.type == socket.SOCK_STREAM and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _reopening_socket(one: socket.socket) -> Callable[[], int]:
    family, kind, blocks = one.family, one.type, os.get_blocking(one.fileno())
    try:
        peer = one.getpeername()
    except OSError:
        peer = None

    def reopen() -> int:
        if peer is not None and kind == socket.SOCK_STREAM:
            made, other = socket.socketpair()
            other.close()
        else:
            made = socket.socket(family, kind)
            if peer is not None:
                made.connect(peer)
        made.setblocking(blocks)
        return made.detach()

    return reopen


def _pack(tmp: str) -> list[Entry]:
    """Return what is in a folder: paths with what they are and hold, folders before what is in them."""
    packed: list[Entry] = []
    size = 0
    for folder, folders, files in os.walk(tmp):
        for name in [*folders, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                packed.append((path, status, os.readlink(path)))
            elif stat.S_ISDIR(status.st_mode):
                packed.append((path, status, None))
            elif stat.S_ISREG(status.st_mode):
                size += status.st_size
                if size > _TMP_LIMIT_BYTES:
                    raise NoImageError(f"its init has left more than {_TMP_LIMIT_BYTES >> 20} MiB in /tmp")
                packed.append((path, status, _read(path)))
    return packed


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise NoImageError(f"its init has left in /tmp what can't be read: {error.strerror}") from None


def _unpack(packed: list[Entry]) -> None:
    for path, status, content in packed:
        if stat.S_ISLNK(status.st_mode):
            os.symlink(content, path)
            continue
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(path)
        else:
            with open(path, "wb") as file:
                file.write(content)
    for path, status, _ in reversed(packed):  # a folder, which nobody may write to then, behind what is in it
        if not stat.S_ISLNK(status.st_mode):
            os.chmod(path, stat.S_IMODE(status.st_mode))
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
