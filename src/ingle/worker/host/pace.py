"""How many environments begin at the same time.

A thousand that began together would share the processors until the time for init ran out for all of them; one after the
other, most have served before the last begins. What waits for something else than a processor must hold up nobody: who
has not begun within half a second counts no more.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

AT_ONCE = 64
COUNTS_S = 0.5


class Pace:
    """Lets environments begin, those first that came first."""

    def __init__(self, at_once: int = AT_ONCE, counts_s: float = COUNTS_S) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._counts_s = counts_s

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it for as long as it takes or counts."""
        await self._places.acquire()
        held = [self._places]

        def give_up() -> None:
            while held:
                held.pop().release()

        timer = asyncio.get_running_loop().call_later(self._counts_s, give_up)
        try:
            yield
        finally:
            timer.cancel()
            give_up()
