"""What processes say of their own memory, where no control group counts it: an ordinary user's, mostly."""

import os
import time
from collections.abc import Iterator

_LOOK_AGAIN_S = 1.0
_KIB = 1024


class _Families:
    """Who is whose child on this host; looked up for all environments together, at most once a second."""

    def __init__(self) -> None:
        self._children: dict[int, list[int]] = {}
        self._known_until_s = 0.0

    def below(self, pid: int, *, look: bool) -> Iterator[int]:
        """Return a process's descendants, by today's look where `look` says so."""
        if look or time.monotonic() > self._known_until_s:
            self._look()
        waiting = [*self._children.get(pid, ())]
        while waiting:
            one = waiting.pop()
            waiting += self._children.get(one, ())
            yield one

    def _look(self) -> None:
        self._children = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                parent = parent_of(_read(f"/proc/{name}/stat"))
                self._children.setdefault(parent, []).append(int(name))
        self._known_until_s = time.monotonic() + _LOOK_AGAIN_S


_FAMILIES = _Families()


def parent_of(stat: bytes) -> int:
    """Return a process's parent, given /proc/PID/stat; a name may hold anything, spaces and brackets too."""
    words = stat.rpartition(b")")[2].split()
    return int(words[1]) if len(words) > 1 else 0


def peak_of(status: bytes) -> int:
    """Return the most memory that a process has had, in bytes, given /proc/PID/status; 0 for one that has ended."""
    for line in status.splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * _KIB
    return 0


def _read(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, 4096)
    except OSError:  # it has just ended
        return b""
    finally:
        os.close(file)


class OwnFigures:
    """The most memory that an environment has used: the sum over what lives in it, each at its own most.

    `first` is the process whose descendants count, and it with them where `counts_first` says so. What is shared counts
    for each who shares it.
    """

    def __init__(self, first: int = 0, *, counts_first: bool = False) -> None:
        self.first = first
        self._counts_first = counts_first
        self._most = 0

    def ended(self, peak_bytes: int) -> None:
        """Take what an ended process has had at most: nobody can ask it any more."""
        self._most = max(self._most, peak_bytes)

    def peak_bytes(self) -> int:
        now = self._living(look=False) or self._living(look=True)
        self._most = max(self._most, now)
        return self._most

    def _living(self, *, look: bool) -> int:
        pids = [*([self.first] if self._counts_first else ()), *_FAMILIES.below(self.first, look=look)]
        return sum(peak_of(_read(f"/proc/{pid}/status")) for pid in pids)
