"""Memory by the processes' own account, where no control group counts it."""

import subprocess
import sys

import pytest

from ingle.worker.drivers.own_figures import OwnFigures, parent_of, peak_of

MIB = 1 << 20
HOLD = """
import subprocess, sys
held = bytearray(b"x") * (int(sys.argv[1]) << 20)
if sys.argv[2:]:
    child = subprocess.Popen([sys.executable, "-c", sys.argv[2], "40"], stdin=0, stdout=1)
else:
    print("ready", flush=True)
del held
sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("stat", "parent"),
    [(b"7 (python3) S 5 7 7", 5), (b"7 (a) b) S) R 41 7", 41), (b"", 0), (b"7 (gone)", 0)],
)
def test_the_parent_is_read_whatever_the_process_is_called(stat: bytes, parent: int) -> None:
    assert parent_of(stat) == parent


def test_a_process_that_has_ended_has_no_memory() -> None:
    assert peak_of(b"Name:\tx\nVmPeak:\t9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t1 kB\n") == 2 * MIB
    assert peak_of(b"Name:\tx\nState:\tZ (zombie)\n") == 0
    assert peak_of(b"") == 0


def test_what_all_descendants_have_had_at_most_counts_and_stays() -> None:
    # Below a shell, since this process may have other children.
    command = ["sh", "-c", '"$@"; true', "sh", sys.executable, "-c", HOLD, "60", HOLD]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        figures = OwnFigures(process.pid)
        seen = figures.peak_bytes()
        assert 100 * MIB <= seen < 1024 * MIB
        process.stdin.close()
        process.wait()
    assert figures.peak_bytes() == seen
    figures.ended(seen + 1)
    assert figures.peak_bytes() == seen + 1
