"""Environments made a second, sustained, teardown included: no environment serves twice, and the pool soon is empty.

    benchmarks/creation_rate.py [CHECKOUT]

With --environment-hours 0 an environment is too old once it has served: each invocation takes a new one, which ends
after the answer. The clock stops when nothing of the last one is left.
"""

import dataclasses
import json
import os
import statistics
import time
import urllib.request
from pathlib import Path

import load
import uvloop
from harness import ECHO, Ingle, print_table
from side_by_side import in_turn, measured, other_checkout, rows
from warm_invoke import signed_requests

FUNCTIONS = 8
"""Each with one caller: where two call, one that waits is served by what the other has just been served by."""


def environments(ingle: Ingle) -> int:
    """Count the environments that exist."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        return len(json.loads(answer.read()))


def made(ingle: Ingle) -> int:
    """Return how many environments have been made so far, by Ingle's own count."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("ingle_cold_starts_total"))


def until_gone(ingle: Ingle) -> None:
    while environments(ingle):
        time.sleep(0.02)


def busy_ms() -> int:
    """Return the milliseconds that this machine's processors have worked so far (/proc/stat, proc(5))."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split(maxsplit=9)[1:9])
    return (user + nice + system + irq + softirq) * 1000 // os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Round:
    """What making and ending environments has shown once."""

    count: int
    seconds: float
    processor_ms: float
    median_ms: float

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    @property
    def cost_ms(self) -> float:
        """Return the processor time of the whole machine for each environment, its caller's included."""
        return self.processor_ms / self.count


class Measured:
    """One Ingle in which each invocation takes a new environment."""

    def __init__(self, ingle: Ingle) -> None:
        self.rounds: list[Round] = []
        self._ingle = ingle
        self._number = 0
        for number in range(FUNCTIONS):
            ingle.deploy(f"echo-{number}", {"app.py": ECHO})
            ingle.client().invoke(FunctionName=f"echo-{number}")

    def round(self, creations: int) -> None:
        """Have so many environments made and ended. Raises RuntimeError where an invocation fails or finds an old one."""
        each = creations // FUNCTIONS
        self._number += creations
        batches = [
            signed_requests(self._ingle, f"echo-{at}", each, self._number + at * each) for at in range(FUNCTIONS)
        ]
        until_gone(self._ingle)
        before, busy, started = made(self._ingle), busy_ms(), time.perf_counter()
        driven = uvloop.run(load.drive("127.0.0.1", self._ingle.port, batches))
        until_gone(self._ingle)
        seconds, count = time.perf_counter() - started, made(self._ingle) - before
        if driven.failures or count < driven.answers:
            raise RuntimeError(f"{driven.failures} of {driven.answers} failed; {count} environments served them")
        processor_ms, median_ms = busy_ms() - busy, driven.median_us / 1e3
        self.rounds.append(Round(count=count, seconds=seconds, processor_ms=processor_ms, median_ms=median_ms))

    def row(self) -> list[float]:
        """Return the median rate, the latency in ms and the processor time of an environment in ms."""
        return [
            statistics.median(getattr(one, name) for one in self.rounds) for name in ("rate", "median_ms", "cost_ms")
        ]


def main(other: Path | None, creations: int = 2000, rounds: int = 7) -> None:
    """Print the table: one long round alone, short ones in turn beside another checkout."""
    rounds = rounds if other is not None else 1
    with measured(other, Measured, "--environment-hours", "0") as systems:
        for one in in_turn(systems, rounds):
            one.round(creations // rounds)
    header = (
        "system",
        "environments made and ended /s",
        "from request to answer, median ms",
        "processor time of each, ms",
    )
    print_table("Creation (promised: 100 a second)", header, rows(systems, ".1f"))


if __name__ == "__main__":
    main(other_checkout())
