"""What an idle environment costs in memory, by the change of MemAvailable, and what Ingle's own programs cost."""

import json
import time
from pathlib import Path

import load
import uvloop
from harness import Ingle, available_mib, print_table, running_ingle
from warm_invoke import signed_requests

HOLD = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 1\n"


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


def fill(ingle: Ingle, environments: int) -> None:
    """Make `environments` of one function exist by that many invocations at once."""
    batches = [signed_requests(ingle, "hold", 1, number, body=b"20") for number in range(environments)]
    measured = uvloop.run(load.drive("127.0.0.1", ingle.port, batches))
    if measured.failures:
        raise RuntimeError(f"{measured.failures} of {environments} invocations failed")


def environments_of(ingle: Ingle) -> int:
    """Count the environments that exist, by their log streams: each has one of its own."""
    pages = ingle.client("logs").get_paginator("describe_log_streams").paginate(logGroupName="/aws/lambda/hold")
    return sum(len(page["logStreams"]) for page in pages)


def proportional_mib(pids: list[int]) -> float:
    """Return the memory of processes, what they share counted once (proc_pid_smaps(5), Pss)."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pss:")))
    return total / 1024


def tree(pid: int) -> list[int]:
    """Return a process and everything below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(below for child in children for below in tree(int(child)))]


def main(environments: int = 200) -> None:
    """Print the table."""
    with running_ingle() as ingle:
        ingle.deploy("hold", {"app.py": HOLD}, Timeout=60)
        ingle.client().invoke(FunctionName="hold", Payload=b"0")
        programs = json.loads((ingle.data_dir / "run" / "programs.json").read_text())
        idle = proportional_mib(tree(ingle.process.pid))
        before = settle()
        fill(ingle, environments)
        after = settle()
        more = environments_of(ingle) - 1
    each = (before - after) / more
    rows = [
        (f"each further idle environment (over {more})", f"{each:.2f} MiB", "6 MiB"),
        (f"all of Ingle idle ({', '.join(sorted(programs))}, supervisor, zygote, 1 environment)", f"{idle:.0f} MiB", "250 MiB"),
    ]  # fmt: skip
    print_table("Memory", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
