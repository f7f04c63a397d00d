"""Every runtime that this host offers runs a function: each Python, node, and programs of the function's own."""

import base64
import json
import stat
import time
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from harness import Ingle

from ingle.app.commands.doctor import host_runtimes
from ingle.app.config import packages_dir

PYTHON = """
import importlib.util, spawner, sys, os, uuid, tempfile, ssl, json
def handler(event, context):
    if event == "fail":
        raise ValueError("\u2603" * 20_000)
    print("printed", event)
    with open("/tmp/note", "w") as file:
        file.write("kept")
    return {
        "kit": importlib.util.find_spec("boto3").origin,
        "version": f"python{sys.version_info.major}.{sys.version_info.minor}", "name": context.function_name,
        "arn": context.invoked_function_arn, "left": context.get_remaining_time_in_millis(),
        "client": context.client_context and context.client_context.custom, "runtime": os.environ["AWS_EXECUTION_ENV"],
        "module": spawner.NAME, "nowhere": [path for path in sys.path if not os.path.isdir(path)],
    }
"""

# A runtime in bash, which speaks HTTP by itself: no program of the host's but bash is needed.
BOOTSTRAP = r"""#!/bin/bash
api=/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}
while true; do
  exec 3<>$api
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  id=; length=0
  while IFS= read -r line <&3; do
    line=${line%$'\r'}
    [ -z "$line" ] && break
    case "${line,,}" in
      lambda-runtime-aws-request-id:*) id=${line#*: };;
      content-length:*) length=${line#*: };;
    esac
  done
  IFS= read -r -N "$length" event <&3
  exec 3>&-
  body="{\"handler\":\"$_HANDLER\",\"event\":$event}"
  exec 3<>$api
  printf 'POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' "$id" >&3
  printf 'Content-Length: %d\r\n\r\n%s' "${#body}" "$body" >&3
  cat <&3 >/dev/null
  exec 3>&-
done
"""


def test_python_of_every_version_runs(ingle: Ingle) -> None:
    pythons = [one.name for one in host_runtimes() if one.name.startswith("python")]
    assert "python3.11" in pythons
    client = ingle.client()
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    for runtime in pythons:
        name = runtime.replace(".", "-")
        ingle.deploy(name, {"app.py": PYTHON, "spawner.py": "NAME = 'own'"}, runtime=runtime)
        answer = client.invoke(FunctionName=name, Payload=b"1", ClientContext=context, LogType="Tail")
        seen = json.loads(answer["Payload"].read())
        assert seen["version"] == runtime, seen
        assert (seen["name"], seen["client"]) == (name, {"k": "v"})
        assert seen["arn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
        assert 0 < seen["left"] <= 3000
        assert (seen["module"], seen["nowhere"]) == ("own", [])
        assert seen["kit"] == "/var/runtime/boto3/__init__.py"
        assert seen["runtime"] == f"AWS_Lambda_{runtime}"
        assert "printed 1" in base64.b64decode(answer["LogResult"]).decode()
        failed = json.loads(client.invoke(FunctionName=name, Payload=b'"fail"')["Payload"].read())
        assert (failed["errorType"], failed["errorMessage"]) == ("ValueError", "\u2603" * 20_000)


def executable(files: dict[str, str]) -> bytes:
    """Return a zip whose files may be executed."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(info, content)
    return buffer.getvalue()


WRAPPER = '#!/bin/sh\nexport WRAPPED="$#"\nexec "$@"\n'
WRAPPED = "import os\ndef handler(event, context):\n    return [event, int(os.environ['WRAPPED']) > 1]\n"


def test_a_wrapper_script_starts_the_runtime(ingle: Ingle) -> None:
    client = ingle.client()
    code = executable({"app.py": WRAPPED, "wrap": WRAPPER})
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrap"}
    deploy_zip(client, "wrapped", "python3.11", code, "app.handler")
    client.update_function_configuration(FunctionName="wrapped", Environment={"Variables": variables})
    client.get_waiter("function_updated_v2").wait(FunctionName="wrapped", WaiterConfig={"Delay": 1})
    answer = client.invoke(FunctionName="wrapped", Payload=b"5")
    assert json.loads(answer["Payload"].read()) == [5, True]


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
def test_a_bootstrap_of_the_functions_own_runs(runtime: str, ingle: Ingle) -> None:
    assert Path("/bin/bash").exists()
    name = runtime.replace(".", "-")
    client = ingle.client()
    deploy_zip(client, name, runtime, executable({"bootstrap": BOOTSTRAP}), "any.thing")
    for number in range(3):
        answer = client.invoke(FunctionName=name, Payload=b'{"n": %d}' % number)
        assert json.loads(answer["Payload"].read()) == {"handler": "any.thing", "event": {"n": number}}


ECHO_HEADERS = BOOTSTRAP.replace("id=; length=0", "id=; length=0; heads=").replace(
    '[ -z "$line" ] && break', '[ -z "$line" ] && break\n    heads="$heads${line//\\"/\\\\\\"}|"'
).replace('\\"handler\\":\\"$_HANDLER\\"', '\\"heads\\":\\"$heads\\"')  # fmt: skip


def test_next_tells_all_that_a_runtime_needs(ingle: Ingle) -> None:
    client = ingle.client()
    deploy_zip(client, "heads", "provided.al2023", executable({"bootstrap": ECHO_HEADERS}), "x")
    context = base64.b64encode(b'{"custom":{}}').decode()
    before = time.time()
    answer = client.invoke(FunctionName="heads", Payload=b"7", ClientContext=context)
    told = json.loads(answer["Payload"].read())
    assert told["event"] == 7
    status, *lines = told["heads"].rstrip("|").split("|")
    heads = dict(line.split(": ", 1) for line in lines)
    assert status == "HTTP/1.1 200 OK"
    assert heads["Content-Type"] == "application/json"
    assert heads["Lambda-Runtime-Aws-Request-Id"] == answer["ResponseMetadata"]["RequestId"]
    assert before + 2 < int(heads["Lambda-Runtime-Deadline-Ms"]) / 1000 < before + 5
    assert heads["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:heads")
    assert heads["Lambda-Runtime-Trace-Id"].startswith("Root=1-")
    assert json.loads(heads["Lambda-Runtime-Client-Context"]) == {"custom": {}}


@pytest.mark.parametrize(
    ("files", "error_type"),
    [
        ({"nothing": "x"}, "Runtime.InvalidEntrypoint"),
        ({"bootstrap": "no program"}, "Runtime.InvalidEntrypoint"),
        ({"bootstrap": "#!/bin/bash\nexit 5\n"}, "Runtime.ExitError"),
    ],
)
def test_a_bootstrap_that_does_not_start_is_an_error_of_the_function(
    files: dict[str, str], error_type: str, ingle: Ingle, request: pytest.FixtureRequest
) -> None:
    name = f"bad-{abs(hash(request.node.name)) % 10**6}"
    client = ingle.client()
    deploy_zip(client, name, "provided.al2023", executable(files), "x")
    answer = client.invoke(FunctionName=name)
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == error_type


def deploy_zip(client: Any, name: str, runtime: str, content: bytes, handler: str) -> None:
    client.create_function(
        FunctionName=name, Runtime=runtime, Handler=handler, Role="arn:aws:iam::000000000000:role/x",
        Code={"ZipFile": content},
    )  # fmt: skip
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})


@pytest.mark.parametrize(("runtime", "remedy"), [
    ("ruby3.3", "Ingle does not serve it yet"), ("nodejs16.x", "Ingle does not serve it yet"),
    ("java21", "Ingle does not serve it yet"), ("python3.14", "`uv python install 3.14 && ingle runtimes python3.14`"),
])  # fmt: skip
def test_a_runtime_that_the_host_has_not_is_told_by_whoever_meets_it(runtime: str, remedy: str, ingle: Ingle) -> None:
    if runtime in [one.name for one in host_runtimes()]:
        return
    client = ingle.client()
    name = "lacking-" + runtime.replace(".", "-")
    ingle.deploy(name, {"app.py": PYTHON}, runtime=runtime)
    shown = client.get_function_configuration(FunctionName=name)
    assert (shown["Runtime"], shown["State"]) == (runtime, "Active")
    assert shown["StateReason"].startswith(f"Runtime.Unavailable: this host has no {runtime}. {remedy}")
    with pytest.raises(client.exceptions.InvalidRuntimeException) as caught:
        client.invoke(FunctionName=name)
    assert shown["StateReason"] in str(caught.value)


def test_every_user_may_read_what_was_fetched_for_runtimes() -> None:
    packages = packages_dir()
    closed = [str(path) for path in (packages, *packages.rglob("*")) if not path.is_symlink() and _is_closed(path)]
    assert closed == []


def _is_closed(path: Path) -> bool:
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return path.stat().st_mode & wanted != wanted
