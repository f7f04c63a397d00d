"""Which idle environments end when the machine's memory runs short. Pure; never one that serves."""

import dataclasses
from collections.abc import Iterable

from ingle.values import MIB

_LEAST_BYTES = MIB
"""What each gives back at least, as far as anybody knows."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """An idle environment, by its id; `since_s` is of a clock that never goes back."""

    identifier: bytes
    since_s: float
    memory_bytes: int | None


def choose(idle: Iterable[Idle], missing_bytes: int) -> list[Idle]:
    """Return as many as hold together what is missing, those first that nobody has needed for longest."""
    chosen: list[Idle] = []
    for one in sorted(idle, key=lambda one: one.since_s):
        if missing_bytes <= 0:
            break
        missing_bytes -= max(one.memory_bytes or 0, _LEAST_BYTES)
        chosen.append(one)
    return chosen


def available_bytes(meminfo: bytes) -> int:
    """Return how much memory can be had without swapping (proc_meminfo(5), MemAvailable)."""
    for line in meminfo.splitlines():
        if line.startswith(b"MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise ValueError("the kernel tells nothing of available memory")
