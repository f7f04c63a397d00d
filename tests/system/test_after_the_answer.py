"""What a runtime does between its answer and its wish for the next event: it belongs to the first, and harms nobody else."""

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from harness import TIME_SCALE, Ingle
from tests.system.test_extensions import log_of

RUNTIME = '''#!/usr/bin/env python3
"""A runtime that answers, waits to be asked to go on, works for a while, and may end by it."""
import http.client, json, os, sys, time, uuid

BORN = uuid.uuid4().hex
HOST = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime/invocation/"

def call(link, method, path, body=None, headers={}):
    link.request(method, BASE + path, body, headers, encode_chunked="Transfer-Encoding" in headers)
    answer = link.getresponse()
    return answer.headers, answer.read()

link = http.client.HTTPConnection(HOST)
while True:
    headers, event = call(link, "GET", "next")
    event = json.loads(event)
    identifier = headers["Lambda-Runtime-Aws-Request-Id"]
    streams = {"Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked"}
    answer = json.dumps({"born": BORN, "request": identifier}).encode()
    body, mode = (iter([answer]), streams) if event.get("streams") else (answer, {})
    call(link, "POST", identifier + "/response", body, mode)
    time.sleep(event.get("s", 0))
    print("worked", flush=True)
    if event.get("die"):
        sys.exit(1)
'''


@pytest.fixture
def runtime(deploy: Any) -> Callable[..., str]:
    """Deploy the runtime as a function."""

    def act(**settings: Any) -> str:
        return str(deploy("", files={"bootstrap": RUNTIME}, runtime="provided.al2023", **settings))

    return act


def answered(invoke: Any, name: str, event: Any, **settings: Any) -> Any:
    """Return what a function answers, and see that it is no error."""
    answer = invoke(name, event, **settings)
    assert answer.error is None, answer.payload
    return answer.payload


def report_of(logs: Any, name: str, request: str) -> str:
    """Return the report of an invocation as soon as it is written."""
    lines = log_of(logs, name, f"REPORT RequestId: {request}")
    return next(line for line in lines if line.startswith(f"REPORT RequestId: {request}"))


def test_who_calls_while_another_invocation_ends_is_served_by_another_environment(
    runtime: Any, invoke: Any, logs: Any
) -> None:
    name = runtime()
    answered(invoke, name, {})
    began = time.monotonic()
    first = answered(invoke, name, {"s": 0.5, "die": 1})
    assert time.monotonic() - began < 0.4 * TIME_SCALE
    second = answered(invoke, name, {})
    assert second["born"] != first["born"]
    lines = log_of(logs, name, f"REPORT RequestId: {first['request']}.*Error Type: Runtime.ExitError")
    assert f"RequestId: {first['request']} Error: Runtime exited with error: exit status 1" in lines
    assert float(re.findall(r"Duration: ([\d.]+) ms\tBilled", report_of(logs, name, first["request"]))[0]) > 500


def test_the_timeout_goes_on_behind_the_answer(runtime: Any, invoke: Any, logs: Any) -> None:
    name = runtime(Timeout=1)
    answered(invoke, name, {})
    first = answered(invoke, name, {"s": 30})
    for _ in range(3):
        assert answered(invoke, name, {})["born"] != first["born"]
    log_of(logs, name, f"REPORT RequestId: {first['request']}\tDuration: 1[0-9]{{3}}.*Status: timeout")


def test_a_stream_ends_before_its_runtime_has_done_everything(
    runtime: Any, invoke: Any, functions: Any, logs: Any
) -> None:
    name = runtime()
    answered(invoke, name, {})
    event = json.dumps({"streams": True, "s": 0.5, "die": 1})
    began = time.monotonic()
    answer = functions.invoke_with_response_stream(FunctionName=name, Payload=event)
    events = list(answer["EventStream"])
    assert time.monotonic() - began < 0.4 * TIME_SCALE
    assert "ErrorCode" not in events[-1]["InvokeComplete"]
    first = json.loads(b"".join(one["PayloadChunk"]["Payload"] for one in events[:-1]))
    assert answered(invoke, name, {})["born"] != first["born"]
    assert "Error Type: Runtime.ExitError" in report_of(logs, name, first["request"])


def test_a_runtime_that_asks_at_once_serves_call_after_call(runtime: Any, invoke: Any) -> None:
    name = runtime()
    assert len({answered(invoke, name, {})["born"] for _ in range(50)}) == 1


def test_a_provisioned_environment_that_works_on_is_not_given_away(
    runtime: Any, invoke: Any, functions: Any, ingle: Ingle
) -> None:
    name = runtime(Publish=True)
    functions.put_provisioned_concurrency_config(FunctionName=name, Qualifier="1", ProvisionedConcurrentExecutions=1)
    while functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")["Status"] != "READY":
        time.sleep(0.02)
    first = answered(invoke, name, {"s": 0.5, "die": 1}, Qualifier="1")
    assert answered(invoke, name, {}, Qualifier="1")["born"] != first["born"]


def test_who_asks_for_the_logs_tail_waits_for_its_end(runtime: Any, functions: Any) -> None:
    name = runtime()
    answer = functions.invoke(FunctionName=name, Payload=b'{"s": 0.2}', LogType="Tail")
    assert "FunctionError" not in answer
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "worked\n" in tail
    assert tail.rindex("worked") < tail.rindex("REPORT RequestId")


def test_who_calls_again_at_once_is_not_refused_for_some_milliseconds(
    runtime: Any, invoke: Any, functions: Any
) -> None:
    name = runtime()
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    assert len({answered(invoke, name, {"s": 0.03})["born"] for _ in range(8)}) == 1
    answered(invoke, name, {"s": 2})
    with pytest.raises(functions.exceptions.TooManyRequestsException) as caught:
        invoke(name, {})
    assert caught.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


LAST_WORDS = '''#!/usr/bin/env python3
"""A runtime that tells an error and ends, without a look at what is answered."""
import http.client, os, socket

HOST = os.environ["AWS_LAMBDA_RUNTIME_API"]
link = http.client.HTTPConnection(HOST)
link.request("GET", "/2018-06-01/runtime/invocation/next")
identifier = link.getresponse().headers["Lambda-Runtime-Aws-Request-Id"]
body = '{"errorType": "Last.Words", "errorMessage": "told"}'
head = f"POST /2018-06-01/runtime/invocation/{identifier}/error HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {len(body)}"
with socket.create_connection(HOST.split(":")) as other:
    other.sendall((head + "\\r\\n\\r\\n" + body).encode())
    os._exit(1)
'''


def test_what_a_runtime_says_last_counts_before_its_end(deploy: Any, invoke: Any) -> None:
    name = deploy("", files={"bootstrap": LAST_WORDS}, runtime="provided.al2023", MemorySize=1024)
    told = [invoke(name).payload["errorType"] for _ in range(20)]
    assert set(told) == {"Last.Words"}, told
