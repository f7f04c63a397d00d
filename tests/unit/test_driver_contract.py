"""What a running environment tells of its use, from files as both cgroup versions write them."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from ingle.worker.drivers import RunningEnvironment, Usage


def running(**descriptors: int) -> RunningEnvironment:
    exited = asyncio.get_running_loop().create_future()
    return RunningEnvironment(
        identifier=1, listener=socket.socket(), output=-1, telemetry=-1, exited=exited, stop=lambda: None, **descriptors
    )


@pytest.mark.parametrize(
    ("cpu", "expected_us"),
    [(b"usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n", 1500), (b"1500999\n", 1500)],
    ids=["v2", "v1"],
)
async def test_use_is_read_from_the_files_of_either_cgroup_version(
    tmp_path: Path, cpu: bytes, expected_us: int
) -> None:
    (tmp_path / "memory").write_bytes(b"4096\n")
    (tmp_path / "cpu").write_bytes(cpu)
    memory, processor = (os.open(tmp_path / name, os.O_RDONLY) for name in ("memory", "cpu"))
    environment = running(memory=memory, cpu=processor)
    assert [environment.usage() for _ in range(2)] == [Usage(memory_bytes=4096, cpu_us=expected_us)] * 2
    environment.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(processor)


async def test_the_peak_stands_in_for_the_memory_of_now_and_none_for_what_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "peak").write_bytes(b"8192\n")
    environment = running(peak=os.open(tmp_path / "peak", os.O_RDONLY))
    assert environment.usage() == Usage(memory_bytes=8192, cpu_us=None)
    environment.close()
    nothing = running()
    assert nothing.usage() == Usage(memory_bytes=None, cpu_us=None)
    nothing.close()
