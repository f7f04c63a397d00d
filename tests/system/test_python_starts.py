"""Python as Lambda runs it, whichever way its runtime is started: copied from a zygote, or executed."""

import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from harness import Ingle

SOURCE = """
import json, os, sys, traceback, warnings
AT_INIT = {"argv": sys.argv, "main": sys.modules["__main__"].__name__}

def probe(name):
    import boto3, site, awslambdaric.bootstrap
    main = sys.modules["__main__"]
    def packages():
        try:
            import importlib.metadata as metadata
            return sorted({d.metadata["Name"].lower() for d in metadata.distributions()})
        except ImportError:
            return []
    return {
        "main": lambda: [main.__name__, main.__file__, main.awslambdaricmain.__name__],
        "patched": lambda: main.awslambdaricmain.bootstrap is sys.modules["awslambdaric.bootstrap"],
        "at init": lambda: AT_INIT,
        "executable": lambda: sys.executable,
        "prefixes": lambda: [sys.prefix, sys.base_prefix, sys.exec_prefix],
        "path": lambda: sys.path,
        "flags": lambda: {name: getattr(sys.flags, name) for name in dir(sys.flags) if name[0] != "_" and name[:2] != "n_" and name not in ("count", "index")},
        "bytecode": lambda: sys.dont_write_bytecode,
        "xoptions": lambda: sys._xoptions,
        "warnings": lambda: [str(one) for one in warnings.filters],
        "encodings": lambda: [sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdin.encoding, sys.getdefaultencoding()],
        "files": lambda: [json.__file__, boto3.__file__, awslambdaric.bootstrap.__file__, __file__],
        "packages": packages,
        "variables": lambda: {k: v for k, v in os.environ.items() if not any(w in k for w in ("KEY", "TOKEN", "STREAM", "FUNCTION_NAME", "GROUP_NAME", "TRACE", "WRAPPER"))},
        "recursion": lambda: sys.getrecursionlimit(),
        "hosts": lambda: [name for name in ("requests", "yaml", "pip", "setuptools", "numpy", "apt", "ingle") if __import__("importlib.util").util.find_spec(name)],
        "path files": lambda: __import__("from_path_file").VALUE,
        "ours": lambda: sorted(name for name in sys.modules if name.partition(".")[0] in ("spawner", "ingle")),
        "cwd": lambda: os.getcwd(),
        "seen": lambda: sorted(os.listdir("/var/rapid") if os.path.isdir("/var/rapid") else []),
    }[name]()

def handler(event, context):
    if event == "fail":
        return {}["missing"]
    return probe(event)
"""
FILES = {"app.py": SOURCE, "own.pth": "/var/task/further\n", "further/from_path_file.py": "VALUE = 'followed'\n",
         "wrap": '#!/bin/sh\nexec "$@"\n', "dead.py": "1 / 0\n"}  # fmt: skip
PATCHED = """
import sys
bootstrap = sys.modules["__main__"].awslambdaricmain.bootstrap
original = bootstrap.handle_event_request
def patched(client, handler, *arguments, **named):
    return original(client, lambda event, context: ["patched", handler(event, context)], *arguments, **named)
bootstrap.handle_event_request = patched
def handler(event, context):
    return event
"""
STARTS = ("preloaded", "executed")


def zipped(files: dict[str, str]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100755 if name == "wrap" else 0o100644) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def started(ingle: Ingle) -> Callable[..., str]:
    """Return the name of a function whose runtime is started in one way."""
    made: dict[tuple[str, ...], str] = {}

    def act(start: str, runtime: str = "python3.11", *, files: dict[str, str] | None = None, **settings: Any) -> str:
        name = f"starts-{start}-{runtime.replace('.', '-')}-{len(made)}"
        key = (start, runtime, str(files), str(settings))
        if key in made:
            return made[key]
        variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"} if start == "executed" else {}
        client = ingle.client()
        client.create_function(
            FunctionName=name, Runtime=runtime, Handler=settings.pop("Handler", "app.handler"),
            Role="arn:aws:iam::000000000000:role/x", Code={"ZipFile": zipped({**FILES, **(files or {})})},
            Environment={"Variables": variables}, Timeout=20,
        )  # fmt: skip
        client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
        made[key] = name
        return name

    return act


PROBES = [
    "main", "patched", "at init", "executable", "prefixes", "path", "flags", "bytecode", "xoptions", "warnings",
    "encodings", "files", "packages", "variables", "recursion", "hosts", "path files", "ours", "cwd", "seen",
]  # fmt: skip
LAMBDA = {
    "main": ["__main__", "/var/runtime/bootstrap.py", "awslambdaric.__main__"],
    "patched": True,
    "at init": {"argv": ["/var/runtime/bootstrap.py"], "main": "__main__"},
    "executable": "/var/lang/bin/{runtime}",
    "prefixes": ["/var/lang"] * 3,
    "path": [
        "/var/task", "/var/runtime", "/var/lang/lib/{runtime}", "/var/lang/lib/{runtime}/lib-dynload",
        "/var/lang/lib/{runtime}/site-packages", "/var/task/further",
    ],
    "bytecode": False,
    "xoptions": {},
    "encodings": ["utf-8", "utf-8", "utf-8", "utf-8"],
    "files": [
        "/var/lang/lib/{runtime}/json/__init__.py", "/var/runtime/boto3/__init__.py",
        "/var/runtime/awslambdaric/bootstrap.py", "/var/task/app.py",
    ],
    "hosts": [],
    "path files": "followed",
    "ours": [],
    "cwd": "/var/task",
}  # fmt: skip


@pytest.mark.parametrize("runtime", ["python3.9", "python3.11", "python3.13"])
def test_a_python_is_the_same_however_it_is_started(runtime: str, started: Any, invoke: Any) -> None:
    for probe in PROBES:
        seen = {start: invoke(started(start, runtime), probe).payload for start in STARTS}
        assert seen["preloaded"] == seen["executed"], probe
        if probe in LAMBDA:
            wanted = json.loads(json.dumps(LAMBDA[probe]).replace("{runtime}", runtime))
            assert seen["preloaded"] == wanted, probe


@pytest.mark.parametrize("start", STARTS)
def test_a_tool_may_patch_the_client_where_lambda_has_it(start: str, started: Any, invoke: Any) -> None:
    assert invoke(started(start, files={"app.py": PATCHED}), 7).payload == ["patched", 7]


def test_errors_and_traces_are_the_same_however_it_is_started(started: Any, invoke: Any) -> None:
    failed = [invoke(started(start), "fail").payload for start in STARTS]
    for one in failed:
        del one["requestId"]
    assert failed[0] == failed[1]
    assert failed[0]["stackTrace"][0].startswith('  File "/var/task/app.py", line')
    dead = [invoke(started(start, Handler="dead.handler")).payload for start in STARTS]
    assert dead[0] == dead[1]
    assert [line.partition(",")[0] for line in dead[0]["stackTrace"]][:2] == [
        '  File "/var/lang/lib/python3.11/importlib/__init__.py"', '  File "<frozen importlib._bootstrap>"',
    ]  # fmt: skip
