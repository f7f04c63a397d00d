"""How much of this machine's processor time is left over, from /proc/stat (proc_stat(5))."""

import time
from pathlib import Path

_STAT = Path("/proc/stat")
_APART_S = 0.2
_IDLE, _IOWAIT = 3, 4


class Processor:
    """Remembers the last reading: a share is that of the time since, and no less than a fifth of a second of it."""

    def __init__(self) -> None:
        self._read_at_s = time.monotonic()
        self._before = _read()
        self._share = 1.0

    def idle_share(self) -> float:
        """Return which share of all processors' time was idle lately, from 0 to 1."""
        now_s = time.monotonic()
        if now_s - self._read_at_s >= _APART_S:
            after = _read()
            idle, total = (new - old for new, old in zip(after, self._before, strict=True))
            self._share = idle / total if total > 0 else self._share
            self._read_at_s, self._before = now_s, after
        return self._share


def _read() -> tuple[int, int]:
    """Return the ticks that were idle, and all of them."""
    ticks = [int(part) for part in _STAT.read_text().split("\n", 1)[0].split()[1:9]]
    return ticks[_IDLE] + ticks[_IOWAIT], sum(ticks)
