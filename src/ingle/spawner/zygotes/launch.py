"""What a confined copy runs: AWS's Python runtime client, or a program of the function's own."""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from .environment import reseed

_TELEMETRY = 4
_PRELOADED = (
    "awslambdaric.__main__",
    "awslambdaric.bootstrap",
    "json",
    "logging",
    "datetime",
    "decimal",
    "traceback",
    "uuid",
)


def preload(kind: str) -> Callable[[int], None]:
    """Import what a runtime needs and return what its copies call with their configuration's descriptor."""
    for module in ("encodings.idna", "encodings.latin_1", "encodings.ascii", "json.decoder", "random", "selectors"):
        importlib.import_module(module)
    if kind != "python":
        return _run_node if kind == "node" else _run_bootstrap
    sys.path.insert(0, "/var/runtime")
    for module in _PRELOADED:
        importlib.import_module(module)
    client = sys.modules["awslambdaric.__main__"]

    def run(configuration: int) -> None:
        _run_python(client, configuration)

    return run


def _read(configuration: int) -> dict[str, Any]:
    pieces = []
    offset = 0
    while True:
        piece = os.pread(configuration, 1 << 16, offset)
        if not piece:
            break
        pieces.append(piece)
        offset += len(piece)
    os.close(configuration)
    return dict(json.loads(b"".join(pieces)))


def _run_python(client: Any, configuration: int) -> None:
    settings = _read(configuration)
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(_TELEMETRY)
    time.tzset()
    reseed()
    extra = ["/var/task", *os.environ.get("PYTHONPATH", "").split(":")]
    sys.path[:0] = [path for path in extra if path and path not in sys.path]
    sys.argv = ["/var/runtime/bootstrap.py", settings["handler"]]
    try:
        client.main(sys.argv)
    except SystemExit as ended:
        _end(ended.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        _end(1)


def _end(code: object) -> None:
    """End as an interpreter does that was told `sys.exit(code)`."""
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0 if code is None else code & 0xFF if isinstance(code, int) else 1)


def _run_node(configuration: int) -> None:
    settings = _read(configuration)
    _execute([settings["interpreter"], "/var/runtime/runtime.cjs"], settings["environment"])


def _run_bootstrap(configuration: int) -> None:
    settings = _read(configuration)
    for path in ("/var/task/bootstrap", "/opt/bootstrap"):
        if os.path.exists(path):
            _execute([path], settings["environment"])
    _refuse("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")


def _execute(command: list[str], environment: dict[str, str]) -> None:
    os.set_inheritable(_TELEMETRY, False)
    try:
        os.execve(command[0], command, environment)
    except OSError as error:
        _refuse(f"fork/exec {command[0]}: {(error.strerror or '').lower()}")


def _refuse(message: str) -> None:
    """Report that there is nothing to run, as the runtime would have reported a failed init."""
    body = json.dumps({"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}).encode()
    head = (
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Lambda-Runtime-Function-Error-Type: Runtime.InvalidEntrypoint\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", 9001)) as link:
        link.sendall(head.encode() + body)
        while link.recv(4096):
            pass
    os._exit(1)
