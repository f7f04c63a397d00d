"""What a confined copy runs: AWS's Python runtime client, or a program of the function's own."""

from __future__ import annotations

import importlib
import json
import os
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
    os.write(2, b"Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]\n")
    os._exit(127)


def _execute(command: list[str], environment: dict[str, str]) -> None:
    os.close(_TELEMETRY)
    try:
        os.execve(command[0], command, environment)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(126)
