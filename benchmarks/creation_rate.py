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

CONNECTIONS = 8
FUNCTIONS = 4


def environments(ingle: Ingle) -> int:
    """Count the environments that exist."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        return len(json.loads(answer.read()))


def until_gone(ingle: Ingle) -> None:
    while environments(ingle):
        time.sleep(0.02)


def main(creations: int = 2000) -> None:
    """Print the table."""
    with running_ingle("--environment-hours", "0") as ingle:
        for number in range(FUNCTIONS):  # one alone may not grow so fast for long
            ingle.deploy(f"echo-{number}", {"app.py": ECHO})
            ingle.client().invoke(FunctionName=f"echo-{number}")
        each = creations // CONNECTIONS
        batches = [signed_requests(ingle, f"echo-{at % FUNCTIONS}", each, at * each) for at in range(CONNECTIONS)]
        until_gone(ingle)
        started = time.perf_counter()
        measured = uvloop.run(load.drive("127.0.0.1", ingle.port, batches))
        until_gone(ingle)
        seconds = time.perf_counter() - started
    if measured.failures:
        raise RuntimeError(f"{measured.failures} of {measured.answers} invocations failed")
    rows = [(f"environments made and ended ({measured.answers} of them)", f"{measured.answers / seconds:.0f} /s", "100 /s"),
            ("from the request to the answer, median", f"{measured.median_us / 1e3:.1f} ms", "")]  # fmt: skip
    print_table("Creation", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
