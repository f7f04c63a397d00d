"""How much may wait in the queue: of one function, and of all. Without it one caller's events could fill the disk."""

import dataclasses

from ingle.queues.event import EventNotKeptError, FunctionKey
from ingle.values import MIB


class QueueFullError(EventNotKeptError):
    """As many events wait as may; the text says of whom."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """The most that may wait: events and sealed bytes of one function, sealed bytes of all."""

    function_events: int = 1_000_000
    function_bytes: int = 1024 * MIB
    all_bytes: int = 4096 * MIB


class Quota:
    """What waits now, function by function."""

    def __init__(self, limits: QuotaLimits, held: dict[FunctionKey, tuple[int, int]]) -> None:
        """`held` tells what is in the queue already: events and bytes of each function."""
        self._limits = limits
        self._held = dict(held)
        self._bytes = sum(size for _, size in held.values())

    def take(self, function: FunctionKey, size_bytes: int) -> None:
        """Count one more event. Raises QueueFullError where there is no room for it, and counts nothing then."""
        events, size = self._held.get(function, (0, 0))
        limits = self._limits
        if events + 1 > limits.function_events or size + size_bytes > limits.function_bytes:
            raise QueueFullError(f"{events} events with {size // MIB} MiB of function {function[2]} wait already")
        if self._bytes + size_bytes > limits.all_bytes:
            raise QueueFullError(f"events with {self._bytes // MIB} MiB of all functions wait already")
        self._held[function] = (events + 1, size + size_bytes)
        self._bytes += size_bytes

    def give_back(self, function: FunctionKey, size_bytes: int) -> None:
        """Count one event less."""
        events, size = self._held.get(function, (0, 0))
        if events > 1:
            self._held[function] = (events - 1, size - size_bytes)
        else:
            self._held.pop(function, None)
        if events:
            self._bytes -= size_bytes

    def forget(self, function: FunctionKey) -> None:
        """All events of a function are gone."""
        self._bytes -= self._held.pop(function, (0, 0))[1]
