"""What becomes of an invocation whose function fails, hangs, crashes or says too much (execution reference)."""

import base64
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import FUNCTION_SCALE

HELLO = "def handler(event, context):\n    return event\n"


def tail(answer: Any) -> str:
    return base64.b64decode(answer.tail).decode()


def test_an_event_comes_back_from_a_handler_that_returns_it(deploy: Any, invoke: Any) -> None:
    answer = invoke(deploy(HELLO), {"a": [1, "ü", None]})
    assert (answer.status, answer.error, answer.version) == (200, None, "$LATEST")
    assert answer.payload == {"a": [1, "ü", None]}


def test_an_environment_is_used_again_and_serves_the_next_invocation_warm(deploy: Any, invoke: Any) -> None:
    name = deploy("import os\ncount = 0\ndef handler(e, c):\n    global count\n    count += 1\n    return count\n")
    assert [invoke(name).payload for _ in range(5)] == [1, 2, 3, 4, 5]


def test_a_handler_error_has_type_message_and_trace_and_leaves_the_environment_alive(deploy: Any, invoke: Any) -> None:
    source = "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    if e == 'fail':\n        raise KeyError('gone')\n    return n\n"
    name = deploy(source)
    answer = invoke(name, "fail", LogType="Tail")
    assert answer.error == "Unhandled"
    assert (answer.payload["errorType"], answer.payload["errorMessage"]) == ("KeyError", "'gone'")
    assert answer.payload["requestId"] in tail(answer)
    assert any("app.py" in line for line in answer.payload["stackTrace"])
    assert invoke(name, "ok").payload == 2


INIT_FAILURES = {
    "raise": ("raise ValueError('no init')", "ValueError", "no init"),
    "import": ("import nothing_of_that_name", "Runtime.ImportModuleError", "nothing_of_that_name"),
    "no_handler": ("x = 1", "Runtime.HandlerNotFound", "handler"),
    "syntax": ("def (", "Runtime.UserCodeSyntaxError", "Syntax error"),
    "exit": ("import os\nos._exit(3)", "Runtime.ExitError", "exit status 3"),
}


@pytest.mark.parametrize("case", INIT_FAILURES)
def test_a_failing_init_is_told_to_the_invocation_that_asked_for_it(case: str, deploy: Any, invoke: Any) -> None:
    source, error_type, text = INIT_FAILURES[case]
    name = deploy(source + "\n")
    for _ in range(2):  # and each next one tries anew
        answer = invoke(name, LogType="Tail")
        assert answer.error == "Unhandled"
        assert answer.payload["errorType"] == error_type
        assert text in answer.payload["errorMessage"]
        assert "REPORT RequestId" in tail(answer)


DEATHS = {
    "exit": ("import os; os._exit(7)", "Runtime.ExitError", "exit status 7"),
    "exit_zero": ("import os; os._exit(0)", "Runtime.ExitError", "without providing a reason"),
    "sys_exit": ("import sys; sys.exit(9)", "Runtime.ExitError", "exit status 9"),
    "segfault": ("import ctypes; ctypes.string_at(0)", "Runtime.ExitError", "signal: segmentation fault"),
    "abort": ("import os; os.abort()", "Runtime.ExitError", "signal: aborted"),
    "kill": ("import os; os.kill(os.getpid(), 9)", "Runtime.ExitError", "signal: killed"),
}


@pytest.mark.parametrize("case", DEATHS)
def test_a_runtime_that_ends_gives_exit_error_and_a_fresh_environment_after(
    case: str, deploy: Any, invoke: Any
) -> None:
    act, error_type, text = DEATHS[case]
    name = deploy(
        f"n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    if e == 'die':\n        {act}\n    return n\n"
    )
    assert invoke(name, "live").payload == 1
    answer = invoke(name, "die", LogType="Tail")
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", error_type)
    assert re.match(r"RequestId: [0-9a-f-]{36} Error: ", answer.payload["errorMessage"])
    assert text in answer.payload["errorMessage"]
    assert "Status: error\tError Type: Runtime.ExitError" in tail(answer)
    assert invoke(name, "live").payload == 1


def test_a_timeout_ends_the_environment_and_says_after_how_long(deploy: Any, invoke: Any) -> None:
    source = "import time\nn = 0\ndef handler(e, c):\n    global n\n    n += 1\n    time.sleep(e)\n    return n\n"
    name = deploy(source, Timeout=1)
    assert invoke(name, 0).payload == 1
    answer = invoke(name, 30, LogType="Tail")
    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert answer.payload["errorMessage"].endswith(f"Error: Task timed out after {FUNCTION_SCALE:.2f} seconds")
    assert "Status: timeout" in tail(answer)
    assert invoke(name, 0).payload == 1


def test_out_of_memory_kills_and_says_so(deploy: Any, invoke: Any) -> None:
    source = "n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    held = bytearray(e << 20)\n    return n\n"
    name = deploy(source, MemorySize=128)
    assert invoke(name, 16).payload == 1
    answer = invoke(name, 400, LogType="Tail")
    assert answer.payload["errorType"] == "Runtime.ExitError"
    assert "signal: killed" in answer.payload["errorMessage"]
    assert "Max Memory Used: 128 MB" in tail(answer)
    assert invoke(name, 16).payload == 1


def test_a_response_over_6_mb_is_an_error_of_the_function(deploy: Any, invoke: Any) -> None:
    name = deploy("def handler(e, c):\n    return 'x' * e\n")
    most = 6 * 1024 * 1024 - 2
    assert len(invoke(name, most).payload) == most
    answer = invoke(name, most + 1024)
    assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")
    assert len(invoke(name, 10).payload) == 10


def test_a_request_over_6_mb_is_refused_with_413(deploy: Any, functions: Any) -> None:
    name = deploy(HELLO)
    most = json.dumps("x" * (6 * 1024 * 1024 - 2)).encode()
    assert functions.invoke(FunctionName=name, Payload=most)["StatusCode"] == 200
    with pytest.raises(ClientError) as caught:
        functions.invoke(FunctionName=name, Payload=most + b" ")
    assert caught.value.response["Error"]["Code"] == "RequestTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


@pytest.mark.parametrize("broken", [b"{", b'{"a":}', b"\xff\xfe", b'"' + b"\\ud800" * 2 + b"x", b"[" * 5000])
def test_a_payload_that_is_not_json_is_refused_with_400(broken: bytes, deploy: Any, functions: Any) -> None:
    name = deploy(HELLO)
    with pytest.raises(ClientError) as caught:
        functions.invoke(FunctionName=name, Payload=broken)
    assert caught.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_value_that_json_cannot_hold_is_a_marshal_error(deploy: Any, invoke: Any) -> None:
    answer = invoke(deploy("def handler(e, c):\n    return {1, 2}\n"))
    assert answer.payload["errorType"] == "Runtime.MarshalError"


def test_what_the_function_sees_is_what_lambda_shows(deploy: Any, invoke: Any, inspect: Callable[..., Any]) -> None:
    seen = inspect()
    assert seen["cwd"] == "/var/task"
    assert seen["uid"] != 0
    assert seen["task"] == ["app.py"]
    assert seen["capabilities"] == ["0000000000000000"] * 5
    assert seen["no_new_privs"] == "1"
    assert seen["seccomp"] == "2"
    assert seen["interfaces"] == ["lo"]
    assert seen["descriptors"] <= 8
    assert seen["processes"] <= 2
    assert seen["read_only"] == ["/", "/opt", "/var/task", "/var/runtime", "/usr/lib", "/etc"]


@pytest.fixture
def inspect(deploy: Any, invoke: Any) -> Callable[..., Any]:
    """Run a function that describes its own environment."""
    source = """
import os
def refused(path):
    try:
        open(os.path.join(path, "probe"), "w").close()
    except OSError:
        return True
    return False
def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    places = ["/", "/opt", "/var/task", "/var/runtime", "/usr/lib", "/etc", "/tmp"]
    return {
        "cwd": os.getcwd(), "uid": os.getuid(), "task": sorted(os.listdir("/var/task")),
        "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privs": status["NoNewPrivs"].strip(), "seccomp": status["Seccomp"].strip(),
        "interfaces": os.listdir("/sys/class/net") if os.path.exists("/sys/class/net")
            else [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line],
        "descriptors": len(os.listdir("/proc/self/fd")),
        "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "read_only": [place for place in places if refused(place)],
        "variables": dict(os.environ),
    }
"""
    return lambda: invoke(deploy(source)).payload


TWO_ANSWERS = """
import socket
def begin(request_id):
    link = socket.create_connection(("127.0.0.1", 9001), timeout=5)
    path = f"/2018-06-01/runtime/invocation/{request_id}/response"
    link.sendall(f"POST {path} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 100\\r\\n\\r\\npart".encode())
    return link
def handler(event, context):
    links = [begin(context.aws_request_id) for _ in range(2)]
    return links[1].recv(12).decode()
"""


def test_a_runtime_has_one_answer_taken_at_a_time(deploy: Any, invoke: Any) -> None:
    name = deploy(TWO_ANSWERS)
    assert [invoke(name).payload for _ in range(2)] == ["HTTP/1.1 403"] * 2


LATE_ERROR = """
import socket, urllib.request
link = socket.create_connection(("127.0.0.1", 9001), timeout=5)
link.sendall(b"POST /2018-06-01/runtime/init/error HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 2\\r\\n\\r\\n{")
urllib.request.urlopen("http://127.0.0.1:9001/ping").read()  # the worker has begun to read the other
def handler(event, context):
    link.sendall(b"}")
    return link.recv(12).decode()
"""


def test_an_error_of_init_that_is_whole_behind_init_fails_no_invocation(deploy: Any, invoke: Any) -> None:
    assert invoke(deploy(LATE_ERROR)).payload == "HTTP/1.1 403"
