"""Memory as an oracle: with the collector turned off, what is done often must leave nothing behind."""

import asyncio
import contextlib
import gc
import random
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

from http_wire import settle

PIECE_BYTES = 200 * 1024
_ROUNDS = 40
_SLACK_BYTES = 512 * 1024
"""What that many rounds may leave: less than three pieces."""


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Trace memory, and let nothing free cycles meanwhile."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()
        gc.enable()


async def leaves_nothing(act: Callable[[random.Random], Awaitable[None]]) -> None:
    """Do something often, each time with at least a piece; afterwards no more memory is held than before."""
    source = random.Random(7)
    with without_collector():
        for _ in range(3):
            await act(source)
        await settle()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(_ROUNDS):
            await act(source)
        await asyncio.sleep(0.01)
        await settle()
        left = tracemalloc.get_traced_memory()[0] - before
    assert left < _SLACK_BYTES, f"{left // 1024} KiB are left of {_ROUNDS} rounds"
