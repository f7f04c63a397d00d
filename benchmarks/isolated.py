"""Isolated invocations back to back: closed loops of 1, 2 and 8 clients, beside the same function warm.

Each client sends its next call when the answer to the last has come, without a pause. Rounds alternate between the two
functions, so that what else the machine does meets both; the median round counts.
"""

import statistics
import sys

import load
import uvloop
from harness import ECHO, Ingle, print_table, running_ingle
from warm_invoke import signed_requests

CLIENTS = (1, 2, 8)
_PROMISED_MS = {1: 8.0, 2: 10.0}


def measure(ingle: Ingle, name: str, clients: int, calls: int, first: int) -> load.Load:
    """Drive a function with so many clients, `calls` over all of them."""
    each = max(1, calls // clients)
    batches = [signed_requests(ingle, name, each, first + number * each) for number in range(clients)]
    return uvloop.run(load.drive("127.0.0.1", ingle.port, batches))


def main(rounds: int = 3, calls: int = 240) -> None:
    """Run the rounds and print the table."""
    results: dict[tuple[int, str], list[load.Load]] = {}
    first = 0
    with running_ingle() as ingle:
        ingle.deploy("warm", {"app.py": ECHO})
        ingle.deploy("isolated", {"app.py": ECHO}, Tags={"ingle:isolation": "invocation"})
        for round_number in range(rounds + 1):
            for clients in CLIENTS:
                for name in ("warm", "isolated"):
                    run = measure(ingle, name, clients, calls if round_number else calls // 4, first)
                    first += calls
                    if round_number:  # the first one warms up
                        results.setdefault((clients, name), []).append(run)
    print_table(
        "Isolated invocations back to back",
        ("clients", "function", "invokes/s", "median ms", "p99 ms", "failures", "promise, median ms"),
        [row(clients, name, runs) for (clients, name), runs in results.items()],
    )


def row(clients: int, name: str, runs: list[load.Load]) -> tuple[str, ...]:
    """Return a row of the table: the median over the rounds."""
    median_ms = statistics.median(run.median_us for run in runs) / 1000
    p99_ms = statistics.median(run.percentile(0.99) for run in runs) / 1000
    rate = statistics.median(run.rate for run in runs)
    promise = _PROMISED_MS.get(clients) if name == "isolated" else None
    return (
        str(clients), name, f"{rate:,.0f}", f"{median_ms:.1f}", f"{p99_ms:.1f}", str(sum(run.failures for run in runs)),
        f"{promise:g}" if promise is not None else "",
    )  # fmt: skip


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
