"""How soon an invocation is answered again after kill -9 of each program, with many idle, frozen environments.

The promise is 2 s, whatever there was. What the dead program left behind is counted, too.
"""

import argparse
import os
import signal
import sys
import time

from belongings import groups, is_alive, members, programs
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle, available_mib, print_table, running_ingle
from thousand import HOLD, run

PROGRAMS = ("control", "gateway", "worker", "spawner")
WHO = "import os\nME = os.urandom(8).hex()\ndef handler(event, context):\n    return ME\n"
_MIB_EACH = 14


def fill(ingle: Ingle, count: int, hold_s: float) -> int:
    """Have so many environments of one function made and fall idle; return how many there are."""
    answers, _, _ = run(ingle, "hold", count, hold_s)
    time.sleep(0.5)  # until they are frozen
    return len({name for name, _ in (one for one in answers if one is not None)})


def recover(ingle: Ingle, program: str) -> float:
    """Kill a program and return after how many seconds an invocation is answered."""
    before = _who_answers(ingle)
    old = members(groups(ingle))
    began = time.monotonic()
    killed = programs(ingle)[program]
    os.kill(killed, signal.SIGKILL)
    lost = {"", before} if program != "control" else {""}  # an environment may answer while the kernel ends it
    while _who_answers(ingle) in lost or programs(ingle)[program] == killed:
        if time.monotonic() - began > 60:
            raise RuntimeError(f"no answer within 60 s of {program}'s death")
    seconds = time.monotonic() - began
    if program == "spawner" and (left := [pid for pid in old if is_alive(pid)]):
        raise RuntimeError(f"{len(left)} processes outlive their spawner")
    return seconds


def _who_answers(ingle: Ingle) -> str:
    """Return the name of the environment that answers an invocation, nothing where none does."""
    try:
        answer = ingle.client().invoke(FunctionName="who", Payload=b"1")
    except (BotoCoreError, ClientError):
        return ""
    return "" if "FunctionError" in answer else answer["Payload"].read().decode()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--environments", type=int, default=1000)
    parser.add_argument("--hold", type=float, default=9.0, help="seconds until all environments must be there")
    options = parser.parse_args()
    count = min(options.environments, int(available_mib() // 2 // _MIB_EACH))
    rows = []
    with running_ingle("--concurrency", str(count + 10)) as ingle:
        ingle.deploy("hold", {"app.py": HOLD}, Timeout=120)
        ingle.deploy("who", {"app.py": WHO})
        for program in PROGRAMS:
            there = fill(ingle, count, options.hold)
            rows.append((program, str(there), f"{recover(ingle, program):.2f} s", "2 s"))
            sys.stderr.write(f"{rows[-1]}\n")
        fill(ingle, count, options.hold)
        began = time.monotonic()
        os.kill(programs(ingle)["spawner"], signal.SIGKILL)
        ingle.stop()
        rows.append(
            ("all end, SIGTERM behind the spawner's death", str(count), f"{time.monotonic() - began:.2f} s", "")
        )
        if groups(ingle):
            raise RuntimeError("control groups are left behind")
    print_table("Recovery", ("killed", "idle environments", "answered after", "promise"), rows)


if __name__ == "__main__":
    main()
