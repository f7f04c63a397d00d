"""Asynchronous invocation: accepted at once, run later, tried again, never lost."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import belongings
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle, running_ingle

SOURCE = """
def handler(event, context):
    print("ran", event, context.client_context)
    if event == "fail":
        raise ValueError("as told")
"""


@pytest.fixture(scope="module")
def function(ingle: Ingle) -> Iterator[str]:
    """A function that says in its log what it was given."""
    ingle.deploy("events", {"app.py": SOURCE})
    yield "events"
    ingle.client().delete_function(FunctionName="events")


def until(found: Callable[[], Any]) -> Any:
    """Return what `found` finds as soon as it is something."""
    end = time.monotonic() + 30
    while not (seen := found()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return seen


def lines(ingle: Ingle, function: str, request_id: str) -> list[str]:
    """Return what an invocation has left in the log, START to REPORT, in order."""
    client = ingle.client("logs")
    try:
        events = client.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern=f'"{request_id}"')
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].rstrip() for event in events["events"]]


def reports(ingle: Ingle, function: str, request_id: str, count: int = 1) -> bool:
    """Say whether an invocation has ended so many times."""
    return sum(line.startswith("REPORT") for line in lines(ingle, function, request_id)) >= count


def drops(ingle: Ingle) -> dict[str, dict[str, Any]]:
    """Return the log's lines of events that were given up, by request id."""
    found = [
        json.loads(line)
        for line in (ingle.data_dir / "programs.log").read_text().splitlines()
        if '"event.dropped"' in line
    ]
    return {one["request_id"]: one for one in found}


def test_an_event_is_accepted_with_202_and_runs_later(ingle: Ingle, functions: Any, function: str) -> None:
    answer = functions.invoke(
        FunctionName=function, InvocationType="Event", Payload=b'"hello"', ClientContext="e30=", LogType="Tail"
    )
    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    assert not {"ExecutedVersion", "FunctionError", "LogResult"} & set(answer)
    request_id = answer["ResponseMetadata"]["RequestId"]
    until(lambda: reports(ingle, function, request_id))
    client = ingle.client("logs")
    events = client.filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern='"ran hello"')["events"]
    assert [event["message"] for event in events] == ["ran hello None\n"] or events[0]["message"] == "ran hello None"


def test_invoke_async_is_the_old_form_of_it(ingle: Ingle, functions: Any, function: str) -> None:
    answer = functions.invoke_async(FunctionName=function, InvokeArgs=b'"old"')
    assert answer["Status"] == 202
    until(lambda: reports(ingle, function, answer["ResponseMetadata"]["RequestId"]))


def test_an_event_that_fails_runs_three_times_and_is_dropped_with_a_line(
    ingle: Ingle, functions: Any, function: str
) -> None:
    answer = functions.invoke(FunctionName=function, InvocationType="Event", Payload=b'"fail"')
    request_id = answer["ResponseMetadata"]["RequestId"]
    dropped = until(lambda: drops(ingle).get(request_id))
    assert (dropped["condition"], dropped["function"].rpartition(":")[2]) == ("RetriesExhausted", function)
    until(lambda: reports(ingle, function, request_id, 3))
    assert "as told" not in json.dumps(dropped)


def test_without_concurrency_an_event_is_dropped_at_once(ingle: Ingle, functions: Any, deploy: Any) -> None:
    name = deploy(SOURCE)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    answer = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"1")
    dropped = until(lambda: drops(ingle).get(answer["ResponseMetadata"]["RequestId"]))
    assert dropped["condition"] == "ZeroReservedConcurrency"


def test_an_event_has_1_mb(functions: Any, function: str) -> None:
    largest = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    assert functions.invoke(FunctionName=function, InvocationType="Event", Payload=largest)["StatusCode"] == 202
    with pytest.raises(ClientError, match="1048577 byte payload is too large for the Event invocation type") as caught:
        functions.invoke(FunctionName=function, InvocationType="Event", Payload=largest + b" ")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"


@pytest.fixture(scope="module")
def own() -> Iterator[Ingle]:
    """An Ingle of this module's own, which serves two invocations at a time."""
    with running_ingle("--event-retry", "0.2", "--concurrency", "2") as running:
        running.deploy(
            "kept",
            {
                "app.py": "import time\ndef handler(event, context):\n    time.sleep(event if isinstance(event, float) else 0)\n"
            },
        )
        yield running


def test_events_leave_room_for_callers_who_wait(own: Ingle) -> None:
    client = own.client()
    for _ in range(20):
        client.invoke(FunctionName="kept", InvocationType="Event", Payload=b"0.05")
    for _ in range(10):  # half of the concurrency is theirs: a throttle would raise
        assert client.invoke(FunctionName="kept")["Payload"].read() == b"null"


def test_no_event_that_was_acknowledged_is_lost_whatever_is_killed(own: Ingle) -> None:
    client = own.client()
    acknowledged = []
    for number in range(30):
        if number in (10, 20):
            kill(own, "control" if number == 10 else "gateway")
        with contextlib.suppress(BotoCoreError, ClientError):
            answer = client.invoke(FunctionName="kept", InvocationType="Event", Payload=b"0.02")
            acknowledged.append(answer["ResponseMetadata"]["RequestId"])
        if number in (10, 20):
            until(own.is_healthy)
    assert len(acknowledged) > 20
    until(lambda: set(acknowledged) <= started(own, "kept"))


def test_the_metrics_tell_what_waits(own: Ingle) -> None:
    client = own.client()
    before = metric(own, "ingle_events_accepted_total")
    for _ in range(3):
        client.invoke(FunctionName="kept", InvocationType="Event", Payload=b"0.7")
    assert metric(own, "ingle_events_queued") >= 1
    assert 0 < metric(own, "ingle_events_oldest_seconds") < 60
    assert metric(own, "ingle_events_accepted_total") == before + 3


def metric(ingle: Ingle, name: str) -> float:
    """Return one of Ingle's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/metrics") as answer:
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)
    assert found
    return float(found[1])


def test_a_runtime_that_the_host_has_no_more_is_told(own: Ingle) -> None:
    own.stop()
    own.prefix = ("env", "INGLE_RUNTIMES=/nowhere")
    own.start()
    with pytest.raises(
        ClientError,
        match=r"Runtime.Unavailable: this host has no python3.11. `uv python install 3.11 && ingle runtimes python3.11`",
    ) as caught:
        own.client().invoke(FunctionName="kept")
    response = caught.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "InvalidRuntimeException",
        502,
    )


def kill(ingle: Ingle, program: str) -> None:
    pids = belongings.programs(ingle)
    os.kill(pids[program], signal.SIGKILL)


def started(ingle: Ingle, function: str) -> set[str]:
    """Return the request ids of all invocations that have begun."""
    client = ingle.client("logs")
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{function}", filterPattern='"START RequestId"'
    )
    try:
        return {event["message"].split()[2] for page in pages for event in page["events"]}
    except client.exceptions.ResourceNotFoundException:  # nothing has been logged yet
        return set()
