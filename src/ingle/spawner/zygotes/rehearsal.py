"""What a child that waits does meanwhile: a whole start of its runtime, with code and an event of our own.

A copy shares its zygote's memory until it writes; each first write to a page costs a fault, and the first run of
anything costs more than the second. A start that has been rehearsed pays for little of that while somebody waits.
Nothing here outlives the rehearsal.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from . import connection

_FOLDER = "/tmp/.rehearsal"
_MODULE = "ingle_rehearsal"
_CODE = "import json\ndef handler(event, context):\n    return event\n"
_SAMPLE = json.dumps({"environment": {f"NAME_{number}": "x" * 40 for number in range(24)}, "handler": "app.handler"})
_EVENT = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: 0\r\n"
    b"lambda-runtime-deadline-ms: 0\r\nlambda-runtime-invoked-function-arn: 0\r\nlambda-runtime-trace-id: 0\r\n"
    b"content-length: 2\r\n\r\n{}"
)


def rehearse() -> None:
    """Do what every start does, to no effect."""
    before = dict(os.environ)
    settings = json.loads(_SAMPLE)
    os.environ.clear()
    os.environ.update(settings["environment"])
    time.tzset()
    random.seed()
    client: Any = sys.modules.get("awslambdaric.__main__")
    if client is not None:
        with contextlib.suppress(OSError), _as_it_was(sys.modules["awslambdaric.bootstrap"]):
            _serve_one_event(client)
    os.environ.clear()
    os.environ.update(before)


def _serve_one_event(client: Any) -> None:
    """Have AWS's client serve one event. Raises OSError, once there is no further one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        theirs.sendall(_EVENT)
        theirs.shutdown(socket.SHUT_WR)
        connection.use(ours.detach())
        os.mkdir(_FOLDER)
        with open(f"{_FOLDER}/{_MODULE}.py", "w") as file:
            file.write(_CODE)
        sys.path.insert(0, _FOLDER)
        os.environ["AWS_LAMBDA_RUNTIME_API"] = "127.0.0.1:9001"
        os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(os.open("/dev/null", os.O_WRONLY))
        client.main(["", f"{_MODULE}.handler"])


@contextlib.contextmanager
def _as_it_was(bootstrap: Any) -> Iterator[None]:
    """Undo what a start of AWS's client leaves in the process."""
    path, output, error, converter = list(sys.path), sys.stdout, sys.stderr, logging.Formatter.converter
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = writes_none
        sys.path[:], sys.stdout, sys.stderr, logging.Formatter.converter = path, output, error, converter
        logging.getLogger().handlers.clear()
        bootstrap._GLOBAL_AWS_REQUEST_ID = bootstrap._GLOBAL_TENANT_ID = None
        connection.end()
        sys.modules.pop(_MODULE, None)
        sys.path_importer_cache.pop(_FOLDER, None)
        importlib.invalidate_caches()
        with contextlib.suppress(OSError):
            os.unlink(f"{_FOLDER}/{_MODULE}.py")
            os.rmdir(_FOLDER)
