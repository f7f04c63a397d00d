"""Who waits for an environment that settles, and for how long."""

import asyncio

from ingle.gateway.invocations.settling import Settling

FUNCTION, OTHER = ("0", "r", "f"), ("0", "r", "g")


async def test_as_many_wait_as_environments_settle() -> None:
    settling = Settling(patience_s=60)
    assert not await settling.wait(FUNCTION)
    settling.begin(FUNCTION)
    waiting = asyncio.create_task(settling.wait(FUNCTION))
    await asyncio.sleep(0)
    assert not await settling.wait(FUNCTION)
    assert not await settling.wait(OTHER)
    settling.end(FUNCTION)
    assert await waiting
    assert not await settling.wait(FUNCTION)


async def test_nobody_waits_longer_than_a_moment_or_is_woken_in_the_place_of_another() -> None:
    settling = Settling(patience_s=0.01)
    settling.begin(FUNCTION)
    assert not await settling.wait(FUNCTION)
    gone, second = (asyncio.create_task(settling.wait(FUNCTION)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert not await second  # as long as the first waits, there is none for it
    await asyncio.gather(gone, return_exceptions=True)
    settling.begin(FUNCTION)
    first, second = (asyncio.create_task(settling.wait(FUNCTION)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    settling.end(FUNCTION)
    await asyncio.gather(first, return_exceptions=True)
    settling.end(FUNCTION)
    assert await second
