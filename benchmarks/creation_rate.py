"""Environments made a second, sustained, teardown included: no environment serves twice, and the pool soon is empty.

With --environment-hours 0 an environment is too old once it has served: each invocation takes a new one, which ends
behind the answer. The clock stops when nothing of the last one is left.
"""

import json
import time
import urllib.request

import load
import uvloop
from harness import ECHO, Ingle, print_table, running_ingle
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


def main(creations: int = 2000) -> None:
    """Print the table."""
    with running_ingle("--environment-hours", "0") as ingle:
        for number in range(FUNCTIONS):
            ingle.deploy(f"echo-{number}", {"app.py": ECHO})
            ingle.client().invoke(FunctionName=f"echo-{number}")
        each = creations // FUNCTIONS
        batches = [signed_requests(ingle, f"echo-{at}", each, at * each) for at in range(FUNCTIONS)]
        until_gone(ingle)
        before = made(ingle)
        started = time.perf_counter()
        measured = uvloop.run(load.drive("127.0.0.1", ingle.port, batches))
        until_gone(ingle)
        seconds = time.perf_counter() - started
        count = made(ingle) - before
    if measured.failures:
        raise RuntimeError(f"{measured.failures} of {measured.answers} invocations failed")
    if count < measured.answers:
        raise RuntimeError(f"{measured.answers} invocations were served by {count} environments")
    rows = [(f"environments made and ended ({count} of them)", f"{count / seconds:.0f} /s", "100 /s"),
            ("from the request to the answer, median", f"{measured.median_us / 1e3:.1f} ms", "")]  # fmt: skip
    print_table("Creation", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
