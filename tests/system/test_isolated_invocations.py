"""Functions tagged `ingle:isolation=invocation`: each invocation has an environment that nothing else ever sees."""

import base64
import json
import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from harness import Ingle

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")
TAG = {"ingle:isolation": "invocation"}
CODE = """
import os, time, uuid
BORN = uuid.uuid4().hex
with open("/tmp/made-at-init", "w") as file:
    file.write("hello")
seen = []
def handler(event, context):
    seen.append(event)
    if event == "crash":
        os._exit(3)
    if event == "hang":
        time.sleep(60)
    print("serving", event)
    here = sorted(os.listdir("/tmp"))
    with open(f"/tmp/{event}", "w") as file:
        file.write("mine")
    return {
        "born": BORN, "seen": seen, "tmp": here, "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"],
        "stream": context.log_stream_name,
    }
"""
NAME = "isolated"


@pytest.fixture(scope="module")
def isolated(ingle: Ingle) -> Iterator[Any]:
    """A boto3 client; the function is there."""
    ingle.deploy(NAME, {"app.py": CODE}, Tags=TAG, Timeout=1)
    yield ingle.client()
    ingle.client().delete_function(FunctionName=NAME)


def call(client: Any, event: str) -> dict[str, Any]:
    """Invoke the function; return what it answers, and its tail."""
    answer = client.invoke(FunctionName=NAME, Payload=json.dumps(event), LogType="Tail")
    return {"tail": base64.b64decode(answer["LogResult"]).decode(), **json.loads(answer["Payload"].read())}


def test_each_invocation_runs_in_a_copy_of_the_initialised_function(isolated: Any) -> None:
    with ThreadPoolExecutor(4) as callers:
        told = list(callers.map(lambda number: call(isolated, str(number)), range(8)))
    assert len({one["born"] for one in told}) == 1
    assert len({one["stream"] for one in told}) == len(told)
    for number, one in enumerate(told):
        assert (one["seen"], one["tmp"], one["type"]) == ([str(number)], ["made-at-init"], "on-demand")


def test_isolated_invocations_time_out_crash_and_are_logged_as_usual(isolated: Any) -> None:
    assert call(isolated, "hang")["errorType"] == "Sandbox.Timedout"
    assert call(isolated, "crash")["errorType"] == "Runtime.ExitError"
    told = call(isolated, "well")
    assert told["seen"] == ["well"]
    assert "serving well" in told["tail"] and "REPORT RequestId" in told["tail"]
    assert "Init Duration" not in told["tail"]


def test_the_tag_takes_effect_at_once_and_so_does_its_removal(isolated: Any) -> None:
    arn = isolated.get_function_configuration(FunctionName=NAME)["FunctionArn"]
    isolated.untag_resource(Resource=arn, TagKeys=list(TAG))
    assert [call(isolated, event)["seen"] for event in ("a", "b")] == [["a"], ["a", "b"]]
    isolated.tag_resource(Resource=arn, Tags=TAG)
    assert [call(isolated, event)["seen"] for event in ("c", "d")] == [["c"], ["d"]]
