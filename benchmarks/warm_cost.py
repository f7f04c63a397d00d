"""What a warm invocation costs each program in processor time, beside another checkout where one is named.

    benchmarks/warm_cost.py [CHECKOUT]

Both Ingles run at once and are driven in turn, round by round, so that the machine's moods meet both alike. The kernel
counts the time of every thread (/proc/PID/task/TID/schedstat, proc(5)), to the nanosecond.
"""

import contextlib
import json
import statistics
import sys
from pathlib import Path

import load
import warm_invoke
from harness import ECHO, INGLE, Ingle, print_table, running_ingle

from ingle.worker.drivers.own_figures import parent_of

PROGRAMS = ("gateway", "worker", "control", "spawner")
PARTS = (*PROGRAMS, "runtimes")
ROUNDS = 8
PER_CONNECTION = 2500


def processor_ns(ingle: Ingle) -> dict[str, int]:
    """Return the processor time that each program has used so far, and all that lives in environments together."""
    pids = json.loads((ingle.data_dir / "run" / "programs.json").read_text())
    used = {name: _time_of(pids[name]) for name in PROGRAMS}
    return {**used, "runtimes": sum(_time_of(pid) for pid in _descendants(pids["spawner"]))}


def _time_of(pid: int) -> int:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    return 0


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(parent_of((one / "stat").read_bytes()), []).append(int(one.name))
    found = [pid]
    for known in found:
        found += children.get(known, ())
    return found[1:]


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
    programs = {"this checkout": INGLE}
    if other is not None:
        programs = {"the other checkout": other / ".venv" / "bin" / "ingle", **programs}
    with contextlib.ExitStack() as stack:
        measured = {
            name: Measured(stack.enter_context(running_ingle(program=program))) for name, program in programs.items()
        }
        for number in range(ROUNDS):
            for one in list(measured.values())[:: 1 if number % 2 else -1]:
                one.round()
    header = ("system", "invokes/s", "median us", *(f"{name} us" for name in PARTS), "gateway and worker us")
    rows = [(name, *(f"{value:,.0f}" for value in one.row())) for name, one in measured.items()]
    if other is not None:
        theirs, ours = (one.row() for one in measured.values())
        rows.append(("this / other", *(f"{b / a:.3f}" if a > 1 else "-" for a, b in zip(theirs, ours, strict=True))))
    print_table("Processor time of a warm invocation", header, rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
