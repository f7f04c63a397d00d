"""What a zygote preloads, and how its confined copies begin: AWS's Python runtime client, or a program (`programs`)."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from . import connection, programs, templates
from .init import RUNTIME

_API = 5
_PRELOADED = (
    "awslambdaric.__main__",
    "awslambdaric.bootstrap",
    "awslambdaric.lambda_literals",
    "json",
    "logging",
    "datetime",
    "decimal",
    "traceback",
    "uuid",
)


def preload(kind: str) -> Callable[[int, int], None]:
    """Import what a runtime needs; return what its copies call with their configuration's descriptor and number."""
    for module in ("encodings.idna", "encodings.latin_1", "encodings.ascii", "json.decoder", "random", "selectors"):
        importlib.import_module(module)
    if kind != "python":
        run_program = programs.run_node if kind == "node" else programs.run_bootstrap
        return lambda configuration, number: _run(configuration, number, run_program)
    # What the function imports it shall find where Lambda has it: not where we came from, not where it is just now.
    sys.path[:] = ["/var/runtime", *(path for path in sys.path if os.path.isdir(path))]
    sys.modules["runtime_client"] = connection
    for module in _PRELOADED:
        importlib.import_module(module)
    os.environ.clear()  # a start sets its own: it has the less to clear
    client: Any = sys.modules["awslambdaric.__main__"]
    made = client.LambdaRuntimeClient
    client.LambdaRuntimeClient = lambda address, polls_in_thread: made(address, False)
    made.restore_next = lambda self: connection.restore_next()
    run_python = lambda settings: _run_python(client, made, settings)  # noqa: E731
    _step_aside()
    return lambda configuration, number: _run(configuration, number, run_python)


def _step_aside() -> None:
    """Let no module of ours stand for one of the function's of that name: all that we need of them is imported."""
    ours = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == ours]:
        del sys.modules[name]


def _run(configuration: int, number: int, run_runtime: Callable[[dict[str, Any]], None]) -> None:
    settings = _read(configuration)
    if number == RUNTIME:
        run_runtime(settings)
    else:
        programs.run_extension(settings, number)


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


def _run_python(client: Any, made: Any, settings: dict[str, Any]) -> None:
    templates.become(settings)
    templates.step_aside(settings)
    wrapper = settings["environment"].get("AWS_LAMBDA_EXEC_WRAPPER")
    if wrapper or programs.has_libraries():
        programs.run_python_anew([wrapper] if wrapper else [], settings)
    os.environ.clear()
    os.environ.update(settings["environment"])
    os.environ["_LAMBDA_TELEMETRY_LOG_FD"] = str(programs.TELEMETRY)
    time.tzset()
    _reseed()
    connection.use(_API)
    templates.arrange(made, settings)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":  # read at import, which was before there were variables
        importlib.reload(sys.modules["awslambdaric.bootstrap"])
    extra = [*programs.code_paths(), *os.environ.get("PYTHONPATH", "").split(":")]
    sys.path[:0] = [path for path in extra if path and path not in sys.path]
    sys.argv = ["/var/runtime/bootstrap.py", settings["handler"]]
    try:
        client.main(sys.argv)
    except SystemExit as ended:
        _end(ended.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        _end(1)


def _reseed() -> None:
    """Give the copy its own randomness: what the zygote's generator would say must not be said in every environment.

    OpenSSL notices a fork by itself, and what reads the kernel's randomness at each use needs nothing.
    """
    sys.modules["random"].seed()


def _end(code: object) -> None:
    """End as an interpreter does that was told `sys.exit(code)`."""
    if code is not None and not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0 if code is None else code & 0xFF if isinstance(code, int) else 1)
