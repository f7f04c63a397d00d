"""1,000 concurrent environments of one function from nothing, each answering.

All requests are sent at once. Each invocation says when it began and stays until a time that all were told, so that
none can be served by an environment that has served before.
"""

import asyncio
import json
import resource
import socket
import sys
import time
from typing import Any

import uvloop
from harness import Ingle, print_table, running_ingle, touch_memory
from warm_invoke import signed_requests

HOLD = """
import os, time
ME = os.urandom(16).hex()
def handler(until, context):
    began = time.time()
    time.sleep(max(0.0, until - began))
    return [ME, began]
"""
WARNING_S = 3.0
"""For the signing of the requests, before the clock starts."""


async def ask(link: socket.socket, request: bytes) -> Any:
    """Send one request and return its answer's body, None where it is an error or the connection was not had."""
    try:
        reader, writer = await asyncio.open_connection(sock=link)
    except OSError:  # refused or reset
        return None
    writer.write(request)
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        )
        body = await reader.readexactly(length)
    except (OSError, EOFError):
        return None
    finally:
        writer.close()
    return json.loads(body) if head.startswith(b"HTTP/1.1 200") and b"x-amz-function-error" not in head else None


def connect_all(port: int, count: int) -> tuple[list[socket.socket], float]:
    """Begin so many connections as fast as the kernel takes them; return them and how long that took."""
    links = [socket.socket() for _ in range(count)]
    began = time.perf_counter()
    for link in links:
        link.setblocking(False)
        link.connect_ex(("127.0.0.1", port))
    return links, time.perf_counter() - began


async def ask_all(links: list[socket.socket], requests: list[bytes]) -> list[Any]:
    return await asyncio.gather(*(ask(link, request) for link, request in zip(links, requests, strict=True)))


def run(ingle: Ingle, name: str, count: int, hold_s: float) -> tuple[list[Any], float, float]:
    """Return the answers, when the clock started (seconds of the epoch), and how long all took."""
    start = time.time() + WARNING_S
    requests = signed_requests(ingle, name, count, 0, body=b"%.3f" % (start + hold_s))
    time.sleep(max(0.0, start - time.time()))
    start = time.time()
    links, connected_s = connect_all(ingle.port, count)
    sys.stderr.write(f"{count} connections begun within {connected_s * 1000:.0f} ms\n")
    answers = uvloop.run(ask_all(links, requests))
    return answers, start, time.time() - start


def main(count: int = 1000, holds_s: tuple[float, ...] = (9.0, 30.0)) -> None:
    """Print the table."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with running_ingle("--concurrency", str(count)) as ingle:
        ingle.deploy("hold", {"app.py": HOLD}, Timeout=60)
        touch_memory()
        for hold_s in holds_s:  # a longer one where the first has ended before all were there
            answers, start, seconds = run(ingle, "hold", count, hold_s)
            told = [answer for answer in answers if answer is not None]
            environments = {name for name, _ in told}
            if len(environments) == count:
                break
            ingle.client().update_function_configuration(FunctionName="hold", Description="none is left of the first")
            ingle.client().get_waiter("function_updated_v2").wait(FunctionName="hold")
        else:
            raise RuntimeError(f"{len(environments)} environments answered, {count - len(told)} invocations failed")
    last = max(began for _, began in told) - start
    failed = count - len(told)
    rows = [(f"the last of {count} environments has begun to serve", f"{last:.1f} s", "10 s"),
            (f"all have answered (none before {hold_s:.0f} s)", f"{seconds:.1f} s", "10 s"),
            ("of as many connections at once, failed", str(failed), "0")]  # fmt: skip
    print_table("A thousand environments at once", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
