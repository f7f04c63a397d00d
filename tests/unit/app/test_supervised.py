"""A program that the supervisor can't even start."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingle.app.supervision.supervised import Program


@pytest.fixture
def log(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT)
    yield descriptor
    os.close(descriptor)


async def test_a_program_that_served_is_tried_again_where_it_can_not_be_started(tmp_path: Path, log: int) -> None:
    command, told = tmp_path / "program", list[str]()
    command.write_text(
        f"#!{sys.executable}\nimport os; os.write(0, b'ready\\n'); os.rename('{command}', '{command}.gone')\n"
    )
    command.chmod(0o700)
    program = Program("worker", [str(command)], b"", log, told.append, environment={})
    running = asyncio.create_task(program.run())
    async with asyncio.timeout(20):
        while len(told) < 3 and not running.done():
            await asyncio.sleep(0.01)
    assert not running.done()
    assert "can't be started: No such file or directory" in told[-1]
    os.rename(f"{command}.gone", command)
    told.clear()
    async with asyncio.timeout(20):
        while not any("status 0" in line for line in told):
            await asyncio.sleep(0.01)
    await program.stop()
    assert await running is None


async def test_a_program_that_never_could_be_started_is_given_up_with_the_reason(log: int) -> None:
    program = Program("worker", ["/nowhere/program"], b"", log, lambda _: None, environment={})
    async with asyncio.timeout(20):
        ending = await program.run()
    assert ending is not None
    assert ending.reason == "can't be started: No such file or directory"
