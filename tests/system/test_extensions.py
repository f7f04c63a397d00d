"""Extensions, external and internal: what they hear, what their time costs, and what their end does to the function."""

import base64
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from harness import Ingle
from tests.system.layers import lay
from tests.system.test_logs import wait_for_events

WATCHER = '''#!/usr/bin/env python3
"""Writes down all that it hears, and does what the function orders by a file for each invocation."""
import http.client, json, os, sys, time

HOST = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2020-01-01/extension/"

def call(method, path, headers, body=None):
    link = http.client.HTTPConnection(HOST)
    link.request(method, BASE + path, json.dumps(body) if body is not None else None, headers)
    answer = link.getresponse()
    return dict(answer.headers), json.loads(answer.read())

def note(what):
    with open("/tmp/heard", "a") as file:
        file.write(json.dumps(what) + "\\n")

def order(request):
    path = f"/tmp/order-{request}"
    while not os.path.exists(path):
        time.sleep(0.002)
    return json.load(open(path))

if os.environ.get("FAIL") == "early":
    sys.exit(7)
name = {"Lambda-Extension-Name": os.path.basename(__file__), "Lambda-Extension-Accept-Feature": "accountId"}
headers, told = call("POST", "register", name, {"events": ["INVOKE", "SHUTDOWN"]})
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
note({"told": told, "environment": sorted(os.environ), "pid": os.getpid()})
if os.environ.get("FAIL") == "init":
    call("POST", "init/error", {**me, "Lambda-Extension-Function-Error-Type": "Extension.NoSuchLicence"}, {})
    sys.exit(3)
while True:
    headers, event = call("GET", "event/next", me)
    note(event)
    print("heard", event["eventType"], event.get("shutdownReason", ""), flush=True)
    if event["eventType"] == "SHUTDOWN":
        end = time.monotonic() + 1
        while not os.path.exists("/tmp/terminated") and time.monotonic() < end:
            time.sleep(0.002)
        note(["signal", os.path.exists("/tmp/terminated")])
        break
    match order(event["requestId"]):
        case ["sleep", seconds]:
            time.sleep(seconds)
        case ["exit", code]:
            os._exit(code)
        case ["tell", kind]:
            call("POST", "exit/error", {**me, "Lambda-Extension-Function-Error-Type": kind}, {})
            os._exit(0)
'''

ORDERS = """
import json, os, signal, sys, time
def terminate(number, frame):
    open("/tmp/terminated", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, terminate)
def handler(event, context):
    heard = [json.loads(line) for line in open("/tmp/heard")] if os.path.exists("/tmp/heard") else []
    path = "/tmp/order-" + context.aws_request_id
    with open(path + "~", "w") as file:
        json.dump(event.get("order", ["go on"]), file)
    os.rename(path + "~", path)
    time.sleep(event.get("sleep", 0))
    return {"heard": heard, "pid": os.getpid(), "request": context.aws_request_id}
"""

INTERNAL = """
import http.client, json, os, signal, sys, threading, time
def terminate(number, frame):
    open("/tmp/terminated", "w").close()
    sys.exit(0)
signal.signal(signal.SIGTERM, terminate)
def call(method, path, headers, body=None):
    link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    link.request(method, "/2020-01-01/extension/" + path, json.dumps(body) if body is not None else None, headers)
    answer = link.getresponse()
    return answer.status, dict(answer.headers), json.loads(answer.read())
NAME = {"Lambda-Extension-Name": "within"}
refused = [
    call("POST", "register", {}, {"events": []}),
    call("POST", "register", NAME, {"events": ["SHUTDOWN"]}),
    call("POST", "register", NAME, {"events": ["DREAM"]}),
    call("POST", "register", NAME, {"events": 1}),
    call("GET", "event/next", {}),
    call("GET", "event/next", {"Lambda-Extension-Identifier": "x"}),
    call("GET", "event/next", {"Lambda-Extension-Identifier": "00000000-0000-4000-8000-000000000000"}),
]
status, headers, told = call("POST", "register", NAME, {"events": ["INVOKE"]})
me = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
refused.append(call("POST", "register", NAME, {"events": []}))
refused.append(call("POST", "init/error", me, {}))
waiting = [me]
for number in range(9):
    _, headers, _ = call("POST", "register", {"Lambda-Extension-Name": f"more-{number}"}, {"events": []})
    waiting.append({"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]})
refused.append(call("POST", "register", {"Lambda-Extension-Name": "eleventh"}, {"events": []}))
heard = []
def listen(identifier):
    while True:
        heard.append(call("GET", "event/next", identifier)[2])
for one in waiting:
    threading.Thread(target=listen, args=(one,), daemon=True).start()
def handler(event, context):
    if event == "late":
        return call("POST", "register", {"Lambda-Extension-Name": "late"}, {"events": []})[2]
    if event == "hang":
        time.sleep(30)
    if event == "ended":
        return os.path.exists("/tmp/terminated")
    return {"told": told, "refused": [(one[0], one[2].get("errorType")) for one in refused], "heard": heard}
"""


@pytest.fixture(scope="module")
def layer(ingle: Ingle) -> str:
    return lay(ingle, "watcher", {"extensions/watcher.py": WATCHER})


@pytest.fixture
def watched(deploy_alone: Any, layer: str) -> Callable[..., str]:
    """Deploy a function with the extension; it has one environment at a time."""

    def act(**settings: Any) -> str:
        return str(deploy_alone(ORDERS, Layers=[layer], MemorySize=256, **settings))

    return act


def log_of(logs: Any, name: str, pattern: str) -> list[str]:
    """Return the lines of a function's log as soon as one is like `pattern`."""
    end = time.monotonic() + 10
    while True:
        lines = [event["message"].rstrip() for event in wait_for_events(logs, f"/aws/lambda/{name}", 1)]
        if any(re.search(pattern, line) for line in lines):
            return lines
        assert time.monotonic() < end, lines
        time.sleep(0.05)


def served(call: Any, name: str, event: Any) -> Any:
    """Return what a function answers once it does: an init anew may take more than its timeout on a busy machine."""
    for _ in range(10):
        answer = call(name, event)
        if answer.error is None:
            return answer.payload
    raise AssertionError(answer.payload)


def test_an_external_extension_hears_of_each_invocation(watched: Any, call: Any, logs: Any) -> None:
    name = watched(Environment={"Variables": {"MINE": "1"}})
    first = call(name, {}).payload
    second = call(name, {"order": ["sleep", 0.3]}).payload
    registered = second["heard"][0]
    invoked = next(one for one in second["heard"] if one.get("requestId") == first["request"])
    assert registered["told"] == {
        "functionName": name, "functionVersion": "$LATEST", "handler": "app.handler", "accountId": "000000000000",
    }  # fmt: skip
    assert {"MINE", "PATH", "AWS_REGION", "AWS_LAMBDA_FUNCTION_NAME"} <= set(registered["environment"])
    hidden = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "LAMBDA_TASK_ROOT", "PYTHONPATH"}
    assert not [one for one in registered["environment"] if one in hidden or one.startswith(("_", "AWS_XRAY"))]
    assert invoked["eventType"] == "INVOKE"
    assert invoked["requestId"] == first["request"]
    assert invoked["invokedFunctionArn"].endswith(f":function:{name}")
    assert invoked["tracing"]["type"] == "X-Amzn-Trace-Id"
    assert invoked["deadlineMs"] - time.time() * 1000 + 10_000 > 0
    third = call(name, {"order": ["sleep", 0.1]}, LogType="Tail")
    assert third.payload["pid"] == first["pid"]
    assert "REPORT" in base64.b64decode(third.tail).decode()  # who asks for the log's tail gets it to the end
    lines = log_of(logs, name, rf"REPORT RequestId: {second['request']}")
    assert "EXTENSION\tName: watcher.py\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in lines
    assert "heard INVOKE" in lines
    report = next(line for line in lines if line.startswith(f"REPORT RequestId: {second['request']}"))
    (duration,) = re.findall(r"Duration: ([\d.]+) ms\tBilled", report)
    assert float(duration) > 300  # what an extension does behind the answer counts


def test_an_extension_that_takes_too_long_spoils_no_answer_but_ends_the_environment(
    watched: Any, call: Any, logs: Any
) -> None:
    name = watched(Timeout=1)
    first = call(name, {"order": ["sleep", 100]})
    assert first.error is None
    heard = served(call, name, {})["heard"]  # its unit is taken until the extension has ended
    assert sum("told" in one for one in heard) >= 2
    lines = log_of(logs, name, "Status: timeout")
    assert any(line.startswith(f"REPORT RequestId: {first.payload['request']}") for line in lines)


def test_a_timeout_terminates_the_runtime_and_then_tells_the_extension(watched: Any, call: Any) -> None:
    name = watched(Timeout=1)
    assert call(name, {"sleep": 30}).payload["errorType"] == "Sandbox.Timedout"
    heard = served(call, name, {})["heard"]
    shutdown = next(one for one in heard if isinstance(one, dict) and one.get("eventType") == "SHUTDOWN")
    assert shutdown["shutdownReason"] == "TIMEOUT"
    assert shutdown["deadlineMs"] > 0
    assert ["signal", True] in heard


@pytest.mark.parametrize(
    ("order", "error_type", "reason"),
    [
        (["exit", 3], "Extension.Crash", "exit status 3"),
        (["exit", 0], "Extension.Crash", "exit code 0"),
        (["tell", "Extension.Mine"], "Extension.ExitError", "exit code 0"),
    ],
)
def test_an_extension_that_ends_fails_the_invocation_and_resets(
    watched: Any, call: Any, order: list[Any], error_type: str, reason: str
) -> None:
    name = watched(Timeout=20)
    first = call(name, {}).payload
    failed = call(name, {"order": order, "sleep": 30})
    assert failed.error == "Unhandled"
    assert failed.payload["errorType"] == error_type
    assert failed.payload["errorMessage"].endswith(f" Error: {reason}")
    again = call(name, {}).payload
    assert next(one["requestId"] for one in again["heard"] if "requestId" in one) == first["request"]
    assert sum("told" in one for one in again["heard"]) == 2


@pytest.mark.parametrize(
    ("fail", "error_type", "reason"),
    [("early", "Extension.Crash", "exit status 7"), ("init", "Extension.InitError", "exit status 3")],
)
def test_an_extension_that_ends_fails_init(
    watched: Any, call: Any, logs: Any, fail: str, error_type: str, reason: str
) -> None:
    name = watched(Environment={"Variables": {"FAIL": fail}})
    failed = call(name, {})
    assert failed.payload["errorType"] == error_type
    assert failed.payload["errorMessage"].endswith(f" Error: {reason}")
    lines = log_of(logs, name, f"INIT_REPORT .*Phase: init\tStatus: error\tError Type: {error_type}")
    assert any(
        line.startswith("EXTENSION\tName: watcher.py\tState: ") and "Error Type: Extension." in line for line in lines
    )


@pytest.mark.parametrize("number", [1, 11])
def test_what_cannot_be_executed_and_one_too_many_are_launch_errors(
    ingle: Ingle, deploy: Any, call: Any, number: int
) -> None:
    layer = lay(ingle, "unlaunchable", {f"extensions/broken-{one}": "#!/nowhere\n" for one in range(number)})
    failed = call(deploy(ORDERS, Layers=[layer]), {})
    assert failed.payload["errorType"] == "Extension.LaunchError"


def test_an_environment_that_is_wanted_no_more_tells_its_extensions(
    watched: Any, call: Any, functions: Any, logs: Any
) -> None:
    name = watched()
    call(name, {})
    functions.update_function_configuration(FunctionName=name, Description="another")
    assert "heard SHUTDOWN SPINDOWN" in log_of(logs, name, "heard SHUTDOWN")


def test_an_internal_extension_registers_only_in_init_and_never_for_shutdown(deploy_alone: Any, call: Any) -> None:
    name = deploy_alone(INTERNAL, Timeout=1)
    call(name)
    answer = call(name).payload
    assert answer["told"]["functionName"] == name
    assert "accountId" not in answer["told"]
    assert {one["eventType"] for one in answer["heard"]} == {"INVOKE"}
    assert len(answer["heard"]) <= 2  # only one of the ten has asked for invocations
    assert answer["refused"] == [
        [403, "Extension.InvalidExtensionName"], [403, "Extension.InvalidEventType"],
        [403, "Extension.InvalidEventType"], [400, "InvalidRequestFormat"],
        [403, "Extension.MissingExtensionIdentifier"], [403, "Extension.InvalidExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"], [403, "Extension.InvalidExtensionState"],
        [403, "Extension.MissingHeader"], [403, "Extension.TooManyExtensions"],
    ]  # fmt: skip
    assert call(name, "late").payload["errorType"] == "Extension.RegistrationClosed"
    assert call(name, "ended").payload is False
    assert call(name, "hang").payload["errorType"] == "Sandbox.Timedout"
    assert served(call, name, "ended") is True  # its runtime had a moment to end by itself
