"""A time limit that is set again and again."""

import asyncio
import gc
import time
import weakref

from ingle.worker.environment.alarm import Alarm


class Bell:
    """What an alarm rings: the times at which it has."""

    def __init__(self) -> None:
        self.rung_s: list[float] = []
        self.has_rung = asyncio.Event()

    def ring(self) -> None:
        self.rung_s.append(time.monotonic())
        self.has_rung.set()


async def test_it_rings_once_and_never_early() -> None:
    bell = Bell()
    alarm = Alarm(bell.ring)
    for delay_s in (0.0, 0.0004, 0.003, 0.0107):
        bell.has_rung.clear()
        due_s = time.monotonic() + delay_s
        alarm.set(delay_s)
        async with asyncio.timeout(10):
            await bell.has_rung.wait()
        assert bell.rung_s[-1] >= due_s
    await asyncio.sleep(0.02)
    assert len(bell.rung_s) == 4


async def test_only_the_time_set_last_counts() -> None:
    bell = Bell()
    alarm = Alarm(bell.ring)
    alarm.set(0.005)
    alarm.set(0.05)
    due_s = time.monotonic() + 0.05
    await bell.has_rung.wait()
    assert len(bell.rung_s) == 1
    assert bell.rung_s[0] >= due_s - 0.001
    bell.has_rung.clear()
    alarm.set(600)
    alarm.set(0.005)
    async with asyncio.timeout(10):
        await bell.has_rung.wait()


async def test_a_cleared_one_does_not_ring_and_can_be_set_again() -> None:
    bell = Bell()
    alarm = Alarm(bell.ring)
    alarm.set(0.005)
    alarm.clear()
    await asyncio.sleep(0.02)
    assert bell.rung_s == []
    alarm.set(0.005)
    async with asyncio.timeout(10):
        await bell.has_rung.wait()


async def test_one_that_rings_may_set_itself() -> None:
    rung = []

    def ring() -> None:
        rung.append(1)
        if len(rung) < 3:
            alarm.set(0.001)

    alarm = Alarm(ring)
    alarm.set(0.001)
    async with asyncio.timeout(10):
        while len(rung) < 3:
            await asyncio.sleep(0.001)


async def test_a_closed_one_keeps_nothing() -> None:
    bell = Bell()
    alarm = Alarm(bell.ring)
    alarm.set(900)
    alarm.clear()
    alarm.close()
    kept = weakref.ref(bell)
    del bell, alarm
    gc.collect()
    assert kept() is None
