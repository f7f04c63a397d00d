"""How many environments begin at the same time."""

import asyncio

from ingle.worker.host.pace import Pace


async def begin(pace: Pace, begun: list[int], number: int, until: asyncio.Event) -> None:
    async with pace.place():
        begun.append(number)
        await until.wait()


async def test_so_many_begin_at_once_in_their_order() -> None:
    pace, begun, until = Pace(2, counts_s=60), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(begin(pace, begun, number, until)) for number in range(5)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == [0, 1]
    until.set()
    await asyncio.gather(*tasks)
    assert begun == [0, 1, 2, 3, 4]


async def test_who_takes_long_holds_up_nobody_and_counts_once() -> None:
    pace, begun, until = Pace(1, counts_s=0.01), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(begin(pace, begun, number, until)) for number in range(3)]
    async with asyncio.timeout(10):
        while len(begun) < 3:
            await asyncio.sleep(0.005)
    until.set()
    await asyncio.gather(*tasks)
    async with asyncio.timeout(10), pace.place():
        pass
