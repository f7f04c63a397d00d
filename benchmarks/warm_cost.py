"""What a warm invocation costs each program in processor time, beside another checkout where one is named.

    benchmarks/warm_cost.py [CHECKOUT]

The kernel
counts the time of every thread (/proc/PID/task/TID/schedstat, proc(5)), to the nanosecond.
"""

import contextlib
import statistics
from pathlib import Path

import load
import warm_invoke
from belongings import descendants, programs
from harness import ECHO, Ingle, print_table
from side_by_side import in_turn, measured, other_checkout, rows

PROGRAMS = ("gateway", "worker", "control", "spawner")
PARTS = (*PROGRAMS, "runtimes")
ROUNDS = 8
PER_CONNECTION = 2500


def processor_ns(ingle: Ingle) -> dict[str, int]:
    """Return the processor time that each program has used so far, and all that lives in environments together."""
    pids = programs(ingle)
    used = {name: _time_of(pids[name]) for name in PROGRAMS}
    return {**used, "runtimes": sum(_time_of(pid) for pid in descendants(pids["spawner"]))}


def _time_of(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    return 0


class Measured:
    """One Ingle, and what each round has shown of it."""

    def __init__(self, ingle: Ingle) -> None:
        self.loads: list[load.Load] = []
        self.costs_us: dict[str, list[float]] = {name: [] for name in PARTS}
        self._ingle = ingle
        self._made = 0
        ingle.deploy("echo", {"app.py": ECHO})

    def _requests(self, count: int) -> list[bytes]:
        self._made += count
        return warm_invoke.signed_requests(self._ingle, "echo", count, self._made)

    def round(self) -> None:
        """Drive one round."""
        before, made = processor_ns(self._ingle), self._made
        self.loads.append(warm_invoke.measure(self._ingle.port, self._requests, PER_CONNECTION))
        after = processor_ns(self._ingle)
        for name in PARTS:
            self.costs_us[name].append((after[name] - before[name]) / 1000 / (self._made - made))

    def row(self) -> list[float]:
        """Return the median rate and latency, each program's cost, and that of gateway and worker together."""
        costs = [statistics.median(self.costs_us[name]) for name in PARTS]
        both = statistics.median(map(sum, zip(self.costs_us["gateway"], self.costs_us["worker"], strict=True)))
        rate = statistics.median(one.rate for one in self.loads)
        return [rate, statistics.median(one.median_us for one in self.loads), *costs, both]


def main(other: Path | None) -> None:
    """Measure this checkout, and `other` in turn with it, and print the table."""
    with measured(other, Measured) as systems:
        for one in in_turn(systems, ROUNDS):
            one.round()
    header = ("system", "invokes/s", "median us", *(f"{name} us" for name in PARTS), "gateway and worker us")
    print_table("Processor time of a warm invocation", header, rows(systems, ",.0f"))


if __name__ == "__main__":
    main(other_checkout())
