"""Warm invocations a second: Ingle, the bare path, ministack and serverless-offline, in one run.

Ingle's requests are each signed, each with a body and a signature of its own, made before the clock starts. Two
closed-loop keep-alive connections, two environments, Python 3.11. Rounds alternate between the systems, the median
round counts. ministack (PyPI) and serverless-offline (npm) are used where they can be installed, else left out by name.
"""

import asyncio
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping

import load
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import ECHO, ROOT, Ingle, print_table, running_ingle
from rivals import Rival, rivals

from ingle.app.languages.interpreters import find_runtimes

CONNECTIONS = 2
TARGET = "/2015-03-31/functions/{name}/invocations"


def signed_requests(
    ingle: Ingle, name: str, count: int, first: int, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> list[bytes]:
    """Return `count` whole HTTP requests, each with its own body (unless one is given) and signature."""
    held = ingle.credentials
    signer = SigV4Auth(Credentials(held["access_key_id"], held["secret_access_key"]), "lambda", "us-east-1")
    host = f"127.0.0.1:{ingle.port}"
    made = []
    for number in range(first, first + count):
        event = b'{"number": %d}' % number if body is None else body
        request = AWSRequest(
            "POST", f"http://{host}{TARGET.format(name=name)}", data=event, headers={"Host": host, **(headers or {})}
        )
        signer.add_auth(request)
        lines = "".join(f"{key}: {value}\r\n" for key, value in request.headers.items())
        path = TARGET.format(name=name)
        made.append(f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(event)}\r\n\r\n".encode() + event)
    return made


def plain_requests(path: str, host: str, count: int) -> list[bytes]:
    """Return `count` whole unsigned requests."""
    made = []
    for number in range(count):
        body = b'{"number": %d}' % number
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        made.append(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    return made


def measure(port: int, make: Callable[[int], list[bytes]], per_connection: int) -> load.Load:
    """Warm up with a tenth of the requests, then drive `per_connection` on each connection."""
    uvloop.run(load.drive("127.0.0.1", port, [make(per_connection // 10) for _ in range(CONNECTIONS)]))
    return uvloop.run(load.drive("127.0.0.1", port, [make(per_connection) for _ in range(CONNECTIONS)]))


def start_bare_path() -> tuple[subprocess.Popen[bytes], int]:
    """Start the bare path with two runtimes; return its process and port."""
    packages = os.fspath(ROOT / ".runtimes" / "python3.11")
    command = [sys.executable, os.fspath(ROOT / "benchmarks" / "bare_path.py"), sys.executable, packages, "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def main(rounds: int = 5, per_connection: int = 5000) -> None:
    """Run `rounds` alternating rounds and print the table."""
    counter = 0
    results: dict[str, list[load.Load]] = {}
    bare, bare_port = start_bare_path()
    with running_ingle() as ingle:
        ingle.deploy("echo", {"app.py": ECHO})

        def signed(name: str, count: int) -> list[bytes]:
            nonlocal counter
            counter += count
            return signed_requests(ingle, name, count, counter)

        def bare_requests(count: int) -> list[bytes]:
            return plain_requests("/2015-03-31/functions/echo/invocations", "bare", count)

        later = later_pythons()
        for runtime in later:
            ingle.deploy(runtime.replace(".", "-"), {"app.py": ECHO}, runtime=runtime)
        for _ in range(rounds):
            results.setdefault("bare path", []).append(measure(bare_port, bare_requests, per_connection))
            results.setdefault("Ingle (signed, sandboxed, logged)", []).append(
                measure(ingle.port, lambda count: signed("echo", count), per_connection)
            )
            for runtime in later:
                name = runtime.replace(".", "-")
                results.setdefault(f"Ingle, {runtime}", []).append(
                    measure(ingle.port, lambda count, name=name: signed(name, count), per_connection)  # type: ignore[misc]
                )
    bare.terminate()
    bare.wait()
    for rival in rivals():
        results[rival.name] = [measure_rival(rival)]
    print_table(
        "Warm invocations",
        ("system", "invokes/s", "median us", "p99 us", "failures", "of the bare path"),
        rows(results),
    )


def later_pythons() -> list[str]:
    """Return the runtimes of Python 3.12 and later that this host offers: their client starts a thread for each poll."""
    offered = [one.name for one in find_runtimes(os.fspath(ROOT / ".runtimes"))]
    return [name for name in offered if name.startswith("python3.") and int(name.partition(".")[2]) >= 12]


def measure_rival(rival: Rival, per_connection: int = 150) -> load.Load:
    """Start a rival, drive it gently (they are slow), stop it."""
    with rival as running:
        return measure(running.port, lambda count: plain_requests(running.path, "localhost", count), per_connection)


def rows(results: dict[str, list[load.Load]]) -> list[tuple[str, ...]]:
    """Return a row for each system: the median over its rounds."""
    bare = statistics.median(run.rate for run in results["bare path"])
    made: list[tuple[str, ...]] = []
    for name, runs in results.items():
        rate = statistics.median(run.rate for run in runs)
        median = statistics.median(run.median_us for run in runs)
        p99 = statistics.median(run.percentile(0.99) for run in runs)
        failures = sum(run.failures for run in runs)
        made.append((name, f"{rate:,.0f}", f"{median:,.0f}", f"{p99:,.0f}", str(failures), f"{rate / bare:.2f}"))
    return made


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
