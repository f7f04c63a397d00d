"""The bare path: the smallest uvloop and httptools server that feeds AWS's own Python runtime client.

No signature, no isolation, no logs, no limits: what is left when all of Ingle is taken away. It is the limit that the
warm figures are compared with, not something to run. Started by `warm_invoke.py`; prints its port and serves.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import uuid
from collections import deque
from pathlib import Path
from typing import Any

import httptools
import uvloop

HANDLER = "def handler(event, context):\n    return event\n"
NEXT = b"/2018-06-01/runtime/invocation/next"


class _Http(asyncio.Protocol):
    """Just enough HTTP/1.1 to hand whole requests to `on_request`."""

    def __init__(self, on_request: Any) -> None:
        self.on_request = on_request
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.target = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.target = url

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        body, self.body = b"".join(self.body), []
        self.on_request(self, self.target, body)

    def answer(self, head: bytes, body: bytes) -> None:
        self.transport.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body))


class _Server:
    """Pairs waiting runtimes with waiting invocations."""

    def __init__(self) -> None:
        self.idle: deque[_Http] = deque()
        self.waiting: deque[tuple[_Http, bytes]] = deque()
        self.running: dict[bytes, _Http] = {}

    def on_invoke(self, caller: _Http, target: bytes, body: bytes) -> None:
        if self.idle:
            self.deliver(self.idle.pop(), caller, body)
        else:
            self.waiting.append((caller, body))

    def on_runtime(self, runtime: _Http, target: bytes, body: bytes) -> None:
        if target == NEXT:
            if self.waiting:
                self.deliver(runtime, *self.waiting.popleft())
            else:
                self.idle.append(runtime)
            return
        caller = self.running.pop(target.split(b"/")[-2])
        caller.answer(b"200 OK", body)
        runtime.answer(b"202 Accepted", b"")

    def deliver(self, runtime: _Http, caller: _Http, body: bytes) -> None:
        identifier = str(uuid.UUID(bytes=os.urandom(16), version=4)).encode()
        self.running[identifier] = caller
        runtime.answer(
            b"200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Deadline-Ms: 9999999999999\r\n"
            b"Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:bare\r\n"
            b"Lambda-Runtime-Aws-Request-Id: " + identifier,
            body,
        )


def start_runtime(python: str, packages: str, port: int, task: str) -> subprocess.Popen[bytes]:
    """Start AWS's runtime client as a plain process that polls 127.0.0.1:`port`."""
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}",
        "_HANDLER": "app.handler",
        "LAMBDA_TASK_ROOT": task,
        "PYTHONPATH": packages,
        "PATH": os.environ["PATH"],
    }
    return subprocess.Popen([python, "-m", "awslambdaric", "app.handler"], env=environment, cwd=task)


async def serve(python: str, packages: str, runtimes: int) -> None:
    loop = asyncio.get_running_loop()
    server = _Server()
    inner = await loop.create_server(lambda: _Http(server.on_runtime), "127.0.0.1", 0)
    outer = await loop.create_server(lambda: _Http(server.on_invoke), "127.0.0.1", 0)
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    with tempfile.TemporaryDirectory() as task:
        Path(task, "app.py").write_text(HANDLER)
        port = inner.sockets[0].getsockname()[1]
        children = [start_runtime(python, packages, port, task) for _ in range(runtimes)]
        sys.stdout.write(f"{outer.sockets[0].getsockname()[1]}\n")
        sys.stdout.flush()
        await stopped.wait()
        for child in children:
            child.kill()
            child.wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], sys.argv[2], int(sys.argv[3])))
