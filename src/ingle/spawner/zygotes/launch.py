"""What a zygote preloads: AWS's Python runtime client, or nothing where its copies become a program (`starts`)."""

from __future__ import annotations

import ast
import importlib
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from . import connection, programs, starts
from .starts import BOOTSTRAP

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
        return lambda configuration, number: starts.run(configuration, number, run_program)
    # What the function imports it shall find where Lambda has it: not where we came from.
    sys.path[:] = ["/var/runtime", *(path for path in sys.path[1:] if os.path.isdir(path))]
    sys.modules["runtime_client"] = connection
    for module in _PRELOADED:
        importlib.import_module(module)
    os.environ.clear()  # a start sets its own: it has the less to clear
    client: Any = sys.modules["awslambdaric.__main__"]
    made = client.LambdaRuntimeClient
    client.LambdaRuntimeClient = lambda address, polls_in_thread: made(address, False)
    made.restore_next = lambda self: connection.restore_next()
    start = _load_bootstrap()
    run_python = lambda settings: starts.run_python(start, made, settings)  # noqa: E731
    _step_aside()
    return lambda configuration, number: starts.run(configuration, number, run_python)


def _load_bootstrap() -> Callable[[], None]:
    """Make /var/runtime/bootstrap.py `__main__`, as it is where it is executed; return what runs its last statement."""
    with open(BOOTSTRAP, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    last = ast.Module([tree.body.pop()], [])
    main = types.ModuleType("__main__")
    main.__file__ = BOOTSTRAP
    sys.modules["__main__"] = main
    exec(compile(tree, BOOTSTRAP, "exec"), main.__dict__)  # noqa: S102 - our own file
    code = compile(last, BOOTSTRAP, "exec")
    return lambda: exec(code, main.__dict__)  # noqa: S102


def _step_aside() -> None:
    """Let no module of ours stand for one of the function's of that name: all that we need of them is imported."""
    ours = __name__.partition(".")[0]
    for name in [name for name in sys.modules if name.partition(".")[0] == ours]:
        del sys.modules[name]
