"""Asynchronous events: how many are accepted a second, how many run, and what callers who wait notice of it.

Each event is durable before its 202. Sixteen closed-loop connections send them, so that commits are shared as they are
when many clients send at once; then one connection invokes another function and waits, alone and beside the backlog.
"""

import sqlite3
import time

import load
import uvloop
from harness import ECHO, Ingle, print_table, running_ingle
from warm_invoke import signed_requests

CONNECTIONS = 16
EVENTS = 200
BACKLOG = 50
CALLS = 500
EVENT = {"X-Amz-Invocation-Type": "Event"}
BUSY = "def handler(event, context):\n    return sum(range(200_000))\n"


def queued(ingle: Ingle) -> int:
    """Return how many events wait or run."""
    with sqlite3.connect(ingle.data_dir / "queue.sqlite") as queue:
        return int(queue.execute("SELECT COUNT(*) FROM events").fetchone()[0])


def accept(ingle: Ingle, name: str, per_connection: int) -> load.Load:
    """Send events, closed-loop."""
    batches = [
        signed_requests(ingle, name, per_connection, one * per_connection, headers=EVENT) for one in range(CONNECTIONS)
    ]
    return uvloop.run(load.drive("127.0.0.1", ingle.port, batches))


def call(ingle: Ingle) -> load.Load:
    """Invoke and wait, one after the other."""
    return uvloop.run(load.drive("127.0.0.1", ingle.port, [signed_requests(ingle, "waited-for", CALLS, 0)]))


def main() -> None:
    """Run everything once and print the table."""
    with running_ingle() as ingle:
        for name, source in (("echo", ECHO), ("busy", BUSY), ("waited-for", ECHO)):
            ingle.deploy(name, {"app.py": source})
        accept(ingle, "echo", 10)
        began = time.perf_counter()
        accepted = accept(ingle, "echo", EVENTS)
        while queued(ingle):
            time.sleep(0.01)
        ran = CONNECTIONS * EVENTS / (time.perf_counter() - began)
        call(ingle)
        alone = call(ingle)
        accept(ingle, "busy", BACKLOG)
        beside = call(ingle)
        left = queued(ingle)
    print_table(
        "Asynchronous events",
        ("what", "a second", "median us", "p99 us", "failures"),
        [
            ("accepted (durable)", *figures(accepted)),
            ("run", f"{ran:,.0f}", "", "", ""),
            ("calls that wait, alone", *figures(alone)),
            (f"calls that wait, beside a backlog ({left:,} left at their end)", *figures(beside)),
        ],
    )


def figures(run: load.Load) -> tuple[str, ...]:
    """Return a run's cells."""
    return f"{run.rate:,.0f}", f"{run.median_us:,.0f}", f"{run.percentile(0.99):,.0f}", str(run.failures)


if __name__ == "__main__":
    main()
