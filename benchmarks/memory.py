"""What an idle environment costs in memory, by the change of MemAvailable, and what Ingle's own programs cost."""

import contextlib
import itertools
import resource
import time
from pathlib import Path

import thousand
from belongings import descendants, programs
from harness import Ingle, available_mib, print_table, running_ingle

HOLD_S = 60.0
"""How long the environments stay busy, so that all of them are needed."""


def settle() -> float:
    """Return MemAvailable once it has stopped moving."""
    last = available_mib()
    for _ in range(100):
        time.sleep(0.3)
        now = available_mib()
        if abs(now - last) < 2:
            return now
        last = now
    return last


def fill(ingle: Ingle, name: str, environments: int) -> None:
    """Make `environments` of one function exist by that many invocations at once."""
    answers, _, _ = thousand.run(ingle, name, environments, HOLD_S)
    made = {answer[0] for answer in answers if answer is not None}
    if len(made) < environments:
        failed = sum(answer is None for answer in answers)
        raise RuntimeError(f"{len(made)} of {environments} environments answered, {failed} invocations failed")


def proportional_mib(pids: list[int]) -> float:
    """Return the memory of processes, what they share counted once (proc_pid_smaps(5), Pss)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:")))
    return total / 1024


def main(environments: int = 1000) -> None:
    """Print the table."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_ingle("--concurrency", str(2 * environments)) as ingle:
        names = ("hold-1", "hold-2")  # one function alone may not grow so fast
        for name in names:
            ingle.deploy(name, {"app.py": thousand.HOLD}, Timeout=120)
        ingle.client().invoke(FunctionName=names[0], Payload=b"0")
        running = programs(ingle)
        idle = proportional_mib([ingle.process.pid, *descendants(ingle.process.pid)])
        marks = [settle()]
        for name in names:
            fill(ingle, name, environments)
            marks.append(settle())
    first, second = ((before - after) / environments for before, after in itertools.pairwise(marks))
    rows = [
        (f"each further idle environment, over {environments}", f"{first:.2f} MiB", "5 MiB"),
        (f"each of the next {environments}", f"{second:.2f} MiB", "5 MiB"),
        (f"{2 * environments} idle environments", f"{(marks[0] - marks[-1]) / 1024:.1f} GiB", "12 GiB"),
        (f"all of Ingle idle ({', '.join(sorted(running))}, supervisor, zygote, 1 environment)", f"{idle:.0f} MiB", "250 MiB"),
    ]  # fmt: skip
    print_table("Memory", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
