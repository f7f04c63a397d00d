"""How confined copies of a zygote begin: as AWS's Python runtime client, or as a program (`programs`)."""

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

BOOTSTRAP = "/var/runtime/bootstrap.py"
"""What Lambda's own Python runtimes begin with."""
_API = 5


def run(configuration: int, number: int, run_runtime: Callable[[dict[str, Any]], None]) -> None:
    """Become the runtime, or an extension, by its number; the configuration is read from a descriptor."""
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


def run_python(start: Callable[[], None], made: Any, settings: dict[str, Any]) -> None:
    """Serve events with AWS's client, which `made` is of: by `start` here, or by a Python executed anew."""
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
    sys.argv = [BOOTSTRAP]
    try:
        start()
    except SystemExit as ended:
        _end(ended.code)
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != BOOTSTRAP:  # ours is nothing to the function
            trace = trace.tb_next
        sys.excepthook(type(error), error, trace)
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
