"""What functions log: the platform's lines, the Logs operations, the tail, and the caps."""

import base64
import re
import time
from typing import Any

import pytest
from harness import Ingle

TALK = """
import logging, sys
logging.getLogger().setLevel("INFO")
def handler(event, context):
    print("line one")
    print("to stderr", file=sys.stderr)
    logging.info("by logging\\nover two lines")
    sys.stdout.write("no newline at the end")
    return event
"""


def wait_for_events(logs: Any, group: str, count: int) -> list[dict[str, Any]]:
    """Return the group's events once there are `count`; they are shipped within 200 ms."""
    end = time.monotonic() + 10
    while True:
        try:
            events = [
                event
                for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
                for event in page["events"]
            ]
        except logs.exceptions.ResourceNotFoundException:
            events = []
        if len(events) >= count or time.monotonic() > end:
            return events
        time.sleep(0.05)


def test_an_invocation_leaves_start_its_own_lines_end_and_report(deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy(TALK)
    invoke(name, 1)
    invoke(name, 2)
    events = wait_for_events(logs, f"/aws/lambda/{name}", 15)
    messages = [event["message"] for event in events]
    assert [one for one in messages if not one.endswith("\n")] == ["no newline at the end"] * 2
    text = [one.removesuffix("\n") for one in messages]
    identifier = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    report = (
        rf"REPORT RequestId: {identifier}\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB"
        r"\tMax Memory Used: [1-9]\d* MB\t"
    )
    expected = [
        r"INIT_START Runtime Version: python:3\.11.*",
        rf"START RequestId: {identifier} Version: \$LATEST",
        r"line one",
        r"to stderr",
        rf"\[INFO\]\t\d{{4}}-\d\d-\d\dT[\d:.]+Z\t{identifier}\tby logging\nover two lines",
        r"no newline at the end",
        rf"END RequestId: {identifier}",
        report + r"Init Duration: \d+\.\d\d ms\t",
    ]
    for pattern in expected:
        assert any(re.fullmatch(pattern, line, re.DOTALL) for line in text), (pattern, text)
    assert sum(line.startswith("REPORT") for line in text) == 2
    assert sum("Init Duration" in line for line in text) == 1
    assert re.fullmatch(report, [line for line in text if line.startswith("REPORT")][1])


def test_the_tail_is_the_end_of_the_invocations_own_log(deploy: Any, invoke: Any) -> None:
    name = deploy("def handler(e, c):\n    print('first' if e == 1 else 'x' * e)\n")
    tail = base64.b64decode(invoke(name, 1, LogType="Tail").tail).decode()
    assert tail.startswith("START RequestId: ")
    assert "first\n" in tail
    assert tail.rstrip().splitlines()[-1].startswith("REPORT")
    long = base64.b64decode(invoke(name, 9000, LogType="Tail").tail)
    assert len(long) == 4096
    assert b"first" not in long
    assert invoke(name, 1).tail == ""


def test_groups_and_streams_are_described(deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy(TALK)
    invoke(name)
    group = f"/aws/lambda/{name}"
    wait_for_events(logs, group, 8)
    (described,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert described["arn"] == f"arn:aws:logs:us-east-1:000000000000:log-group:{group}:*"
    (stream,) = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])
    assert stream["firstEventTimestamp"] <= stream["lastEventTimestamp"] <= time.time() * 1000 + 1


def test_get_log_events_walks_forward_and_backward(deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy("def handler(e, c):\n    for n in range(20):\n        print(f'line {n:02}')\n")
    invoke(name)
    group = f"/aws/lambda/{name}"
    wait_for_events(logs, group, 24)
    stream = logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"]
    wanted = {"logGroupName": group, "logStreamName": stream, "limit": 7}
    page = logs.get_log_events(**wanted, startFromHead=True)
    seen = list(page["events"])
    while True:
        following = logs.get_log_events(**wanted, nextToken=page["nextForwardToken"])
        if following["nextForwardToken"] == page["nextForwardToken"]:
            break
        seen += following["events"]
        page = following
    lines = [event["message"] for event in seen if event["message"].startswith("line")]
    assert lines == [f"line {n:02}\n" for n in range(20)]
    newest = logs.get_log_events(**wanted)["events"]
    assert newest[-1]["message"].startswith("REPORT")


def test_events_are_filtered_by_terms_times_and_streams(deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy("def handler(e, c):\n    print('ERROR one')\n    print('WARN two')\n    print('ERROR three')\n")
    invoke(name)
    group = f"/aws/lambda/{name}"
    wait_for_events(logs, group, 7)

    def found(**wanted: Any) -> list[str]:
        return [event["message"].rstrip() for event in logs.filter_log_events(logGroupName=group, **wanted)["events"]]

    assert found(filterPattern="ERROR") == ["ERROR one", "ERROR three"]
    assert found(filterPattern="ERROR -three") == ["ERROR one"]
    assert found(filterPattern="?one ?two") == ["ERROR one", "WARN two"]
    assert found(filterPattern='"WARN two"') == ["WARN two"]
    assert found(startTime=int(time.time() * 1000) + 60_000) == []
    assert found(logStreamNamePrefix="1999/") == []
    assert found(filterPattern="[level = WARN, what]") == ["WARN two"]
    assert found(filterPattern="%ERROR t.*e$%") == ["ERROR three"]
    with pytest.raises(logs.exceptions.InvalidParameterException):
        found(filterPattern="{ $.a = 1")


def test_a_flood_of_lines_is_capped_counted_and_harms_nobody(deploy: Any, invoke: Any, logs: Any) -> None:
    flood = deploy("def handler(e, c):\n    for n in range(400_000):\n        print('y' * 99)\n", Timeout=30)
    name = deploy(TALK)
    answer = invoke(flood, LogType="Tail")
    assert answer.error is None
    assert "LOGS_DROPPED Events: " in base64.b64decode(answer.tail).decode()
    invoke(name)
    assert len(wait_for_events(logs, f"/aws/lambda/{name}", 8)) >= 8


def test_logs_outlive_a_restart_and_a_deleted_function(ingle: Ingle, deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy(TALK)
    invoke(name)
    before = len(wait_for_events(logs, f"/aws/lambda/{name}", 8))
    ingle.client().delete_function(FunctionName=name)
    assert len(wait_for_events(logs, f"/aws/lambda/{name}", before)) >= before


def test_what_aws_logs_tail_asks_for_is_answered(deploy: Any, invoke: Any, logs: Any) -> None:
    """The requests of `aws logs tail --since 10m --follow`: pages of FilterLogEvents, then again from the newest event's
    time on, known events told by their eventId (version 2 of the AWS CLI, customizations/logs)."""
    name = deploy("def handler(e, c):\n    print('line', e)\n")
    group = f"/aws/lambda/{name}"
    invoke(name, 1)
    wait_for_events(logs, group, 4)
    wanted = {"logGroupName": group, "interleaved": True, "startTime": int(time.time() * 1000) - 600_000}
    seen: dict[str, dict[str, Any]] = {}
    for number in range(2, 5):
        for page in logs.get_paginator("filter_log_events").paginate(**wanted, PaginationConfig={"PageSize": 2}):
            assert all(event["eventId"] not in seen or event == seen[event["eventId"]] for event in page["events"])
            seen.update({event["eventId"]: event for event in page["events"]})
        wanted["startTime"] = max(event["timestamp"] for event in seen.values())
        invoke(name, number)
        wait_for_events(logs, group, 4 + 4 * (number - 1) - (number - 1))
    lines = [event["message"] for event in seen.values()]
    assert [line for line in lines if line.startswith("line")] == ["line 1\n", "line 2\n", "line 3\n"]
    assert all(event["logStreamName"] and event["ingestionTime"] for event in seen.values())
