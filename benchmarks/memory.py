"""What an idle environment costs in memory, by the change of MemAvailable, and what Ingle's own programs cost."""

import json
import threading
import time
from pathlib import Path

from harness import Ingle, available_mib, print_table, running_ingle

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

    def one() -> None:
        ingle.client().invoke(FunctionName="hold", Payload=b"%d" % 20)

    threads = [threading.Thread(target=one) for _ in range(environments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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
    each = (before - after) / (environments - 1)
    rows = [
        (f"each further idle environment (over {environments})", f"{each:.2f} MiB", "6 MiB"),
        (f"all of Ingle idle ({', '.join(sorted(programs))}, supervisor, zygote, 1 environment)", f"{idle:.0f} MiB", "250 MiB"),
    ]  # fmt: skip
    print_table("Memory", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
