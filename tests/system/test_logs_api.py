"""The operations of CloudWatch Logs: groups, streams, events, tags and filters, as boto3 sees them."""

import base64
import gzip
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import belongings
import pytest
from botocore.exceptions import ClientError
from harness import Ingle, running_ingle
from tests.system.test_logs import wait_for_events

ACCOUNT = "000000000000"
HOUR_MS, DAY_MS = 3600 * 1000, 24 * 3600 * 1000


def refusal(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    """Return code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    told = caught.value.response["Error"]
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return told["Code"], told["Message"]


@pytest.fixture
def group(logs: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """A group named after the test."""
    name = f"/test/{request.node.originalname}"
    logs.create_log_group(logGroupName=name)
    yield name
    if logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
        logs.delete_log_group(logGroupName=name)


def put(logs: Any, group: str, stream: str, *events: tuple[int, str]) -> dict[str, Any]:
    given = [{"timestamp": at_ms, "message": message} for at_ms, message in events]
    return dict(logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=given))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_groups_are_made_described_and_deleted(logs: Any, group: str) -> None:
    code, _ = refusal(logs.create_log_group, logGroupName=group)
    assert code == "ResourceAlreadyExistsException"
    assert refusal(logs.create_log_group, logGroupName="aws/x")[0] == "InvalidParameterException"
    assert refusal(logs.create_log_group, logGroupName="a b")[0] == "InvalidParameterException"
    for number in range(3):
        logs.create_log_group(logGroupName=f"{group}-{number}", tags={"n": str(number)})
    pages = logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=group, PaginationConfig={"PageSize": 2}
    )
    shown = [one for page in pages for one in page["logGroups"]]
    assert [one["logGroupName"] for one in shown] == [group, *(f"{group}-{number}" for number in range(3))]
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    expected = {
        "metricFilterCount": 0,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
        "deletionProtectionEnabled": False,
    }
    assert shown[0].items() >= {**expected, "arn": f"{arn}:*", "logGroupArn": arn}.items()
    assert "retentionInDays" not in shown[0]
    found = logs.describe_log_groups(logGroupNamePattern=f"{group[6:]}-1")["logGroups"]
    assert [set(one) for one in found] == [{"logGroupName", "creationTime", "arn"}]
    assert refusal(logs.describe_log_groups, logGroupNamePattern="x", logGroupNamePrefix="y") == (
        "InvalidParameterException",
        "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    )
    for number in range(3):
        logs.delete_log_group(logGroupName=f"{group}-{number}")
    assert refusal(logs.delete_log_group, logGroupName=f"{group}-0") == (
        "ResourceNotFoundException",
        "The specified log group does not exist.",
    )
    logs.put_log_group_deletion_protection(logGroupIdentifier=group, deletionProtectionEnabled=True)
    assert refusal(logs.delete_log_group, logGroupName=group)[0] == "ValidationException"
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=False)


def test_retention_is_one_of_awss_periods(logs: Any, group: str) -> None:
    logs.put_retention_policy(logGroupName=group, retentionInDays=14)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 14
    code, message = refusal(logs.put_retention_policy, logGroupName=group, retentionInDays=2)
    assert code == "InvalidParameterException"
    assert message.startswith(
        "1 validation error detected: Value '2' at 'retentionInDays' failed to satisfy constraint"
    )
    logs.delete_retention_policy(logGroupName=group)
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert refusal(logs.delete_retention_policy, logGroupName="/none")[0] == "ResourceNotFoundException"


def test_tags_are_the_same_in_both_forms(logs: Any, group: str) -> None:
    arn = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    logs.tag_log_group(logGroupName=group, tags={"a": "1", "b": "2"})
    logs.tag_resource(resourceArn=arn, tags={"b": "3", "c": ""})
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"a": "1", "b": "3", "c": ""}
    logs.untag_log_group(logGroupName=group, tags=["a", "none"])
    logs.untag_resource(resourceArn=arn, tagKeys=["b"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": ""}
    assert refusal(logs.tag_resource, resourceArn=arn, tags={"aws:x": "1"})[0] == "InvalidParameterException"
    many = {str(number): "x" for number in range(50)}
    assert refusal(logs.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTagsException"
    assert refusal(logs.list_tags_for_resource, resourceArn=f"{arn}-none")[0] == "ResourceNotFoundException"


def test_streams_are_described_by_name_and_by_time(logs: Any, group: str) -> None:
    begun_ms = now_ms()
    for name in ("b", "a", "c", "a2"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    assert refusal(logs.create_log_stream, logGroupName=group, logStreamName="a") == (
        "ResourceAlreadyExistsException",
        "The specified log stream already exists",
    )
    assert refusal(logs.create_log_stream, logGroupName=group, logStreamName="a:b")[0] == "InvalidParameterException"
    put(logs, group, "a", (begun_ms - 5000, "1"), (begun_ms - 3000, "2"))
    put(logs, group, "b", (begun_ms - 1000, "3"))

    def names(**wanted: Any) -> list[str]:
        pages = logs.get_paginator("describe_log_streams").paginate(
            logGroupName=group, **wanted, PaginationConfig={"PageSize": 1}
        )
        return [one["logStreamName"] for page in pages for one in page["logStreams"]]

    assert names() == ["a", "a2", "b", "c"]
    assert names(descending=True) == ["c", "b", "a2", "a"]
    assert names(logStreamNamePrefix="a", descending=True) == ["a2", "a"]
    assert names(orderBy="LastEventTime") == ["a2", "c", "a", "b"]
    assert names(orderBy="LastEventTime", descending=True) == ["b", "a", "c", "a2"]
    wrong = {"orderBy": "LastEventTime", "logStreamNamePrefix": "a"}
    assert refusal(logs.describe_log_streams, logGroupName=group, **wrong) == (
        "InvalidParameterException",
        "Cannot order by LastEventTime with a logStreamNamePrefix.",
    )
    shown = {one["logStreamName"]: one for one in logs.describe_log_streams(logGroupIdentifier=group)["logStreams"]}
    assert (shown["a"]["firstEventTimestamp"], shown["a"]["lastEventTimestamp"]) == (begun_ms - 5000, begun_ms - 3000)
    assert shown["a"]["lastIngestionTime"] >= begun_ms
    assert "lastEventTimestamp" not in shown["c"]
    assert shown["c"]["arn"] == f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}:log-stream:c"
    logs.delete_log_stream(logGroupName=group, logStreamName="a")
    assert names() == ["a2", "b", "c"]
    assert [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]] == ["3"]
    assert refusal(logs.delete_log_stream, logGroupName=group, logStreamName="a") == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_events_are_put_within_awss_limits(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at_ms = now_ms()
    answer = put(logs, group, "s", (at_ms - 15 * DAY_MS, "old"), (at_ms, "now"), (at_ms + 3 * HOUR_MS, "far"))
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert answer["nextSequenceToken"]
    assert "rejectedLogEventsInfo" not in put(logs, group, "s", (at_ms, "again"))
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    answer = put(logs, group, "s", (at_ms - 2 * DAY_MS, "expired"), (at_ms, "kept"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}
    assert [one["message"] for one in logs.filter_log_events(logGroupName=group)["events"]] == ["now", "again", "kept"]

    def refused(*events: tuple[int, str], **more: Any) -> str:
        given = [{"timestamp": time_ms, "message": message} for time_ms, message in events]
        named = {"logGroupName": group, "logStreamName": "s", **more}
        code, message = refusal(logs.put_log_events, **named, logEvents=given)
        assert code in ("InvalidParameterException", "ResourceNotFoundException")
        return message

    assert "must be in chronological order" in refused((at_ms, "b"), (at_ms - 1, "a"))
    logs.delete_retention_policy(logGroupName=group)
    assert "cannot span more than 24 hours" in refused((at_ms - 25 * HOUR_MS, "a"), (at_ms, "b"))
    assert (
        refused((at_ms, "x" * 600_000), (at_ms, "x" * 600_000))
        == "Upload too large: 1200052 bytes exceeds limit of 1048576"
    )
    assert refused((at_ms, "x" * 1_048_551)) == "Log event too large: 1048577 bytes exceeds limit of 1048576"
    assert "less than or equal to 10000" in refused(*[(at_ms, "x")] * 10_001)
    assert "greater than or equal to 1" in refused()
    assert refused((at_ms, "x"), logStreamName="none") == "The specified log stream does not exist."
    assert refused((at_ms, "x"), logGroupName="/none") == "The specified log group does not exist."
    put(logs, group, "s", (at_ms, "x" * 1_048_550))


def test_a_stream_is_read_both_ways_and_its_end_gives_the_same_token(logs: Any, group: str) -> None:
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    wanted = {"logGroupName": group, "logStreamName": "s"}
    empty = logs.get_log_events(**wanted, startFromHead=True)
    at_ms = now_ms() - 1000
    put(logs, group, "s", *((at_ms + number // 3, f"{number}") for number in range(10)))

    def read(**more: Any) -> tuple[list[str], dict[str, Any]]:
        page = logs.get_log_events(**wanted, **more)
        return [one["message"] for one in page["events"]], page

    assert read(nextToken=empty["nextForwardToken"])[0] == [str(number) for number in range(10)]
    newest, page = read(limit=4)
    assert newest == ["6", "7", "8", "9"]
    after, end = read(nextToken=page["nextForwardToken"])
    assert (after, end["nextForwardToken"]) == ([], page["nextForwardToken"])
    before, page = read(nextToken=page["nextBackwardToken"], limit=4)
    assert before == ["2", "3", "4", "5"]
    first, page = read(nextToken=page["nextBackwardToken"], limit=4)
    assert first == ["0", "1"]
    nothing, page_before = read(nextToken=page["nextBackwardToken"])
    assert (nothing, page_before["nextBackwardToken"]) == ([], page["nextBackwardToken"])
    assert read(nextToken=page["nextForwardToken"], limit=3)[0] == ["2", "3", "4"]
    put(logs, group, "s", (at_ms + 900, "late"))
    assert read(nextToken=end["nextForwardToken"])[0] == ["late"]
    assert read(startTime=at_ms + 1, endTime=at_ms + 2, startFromHead=True)[0] == ["3", "4", "5"]
    for token in ("x", "f/1", f"f/{'x' * 56}/s"):
        assert refusal(logs.get_log_events, **wanted, nextToken=token) == (
            "InvalidParameterException",
            "The specified nextToken is invalid.",
        )


def test_a_search_goes_through_all_streams_by_time_page_by_page(logs: Any, group: str) -> None:
    at_ms = now_ms() - 10_000
    for name in ("one", "two", "other"):
        logs.create_log_stream(logGroupName=group, logStreamName=name)
    for number in range(12):
        put(logs, group, ("one", "two", "other")[number % 3], (at_ms + number, f"event {number}"))
    put(logs, group, "one", (at_ms - 5, "earlier, but put later"))

    def found(page_size: int = 5, **wanted: Any) -> list[str]:
        paginator = logs.get_paginator("filter_log_events")
        pages = paginator.paginate(logGroupName=group, **wanted, PaginationConfig={"PageSize": page_size})
        return [one["message"] for page in pages for one in page["events"]]

    everything = ["earlier, but put later", *(f"event {number}" for number in range(12))]
    assert found() == everything
    assert found(startFromHead=False, startTime=at_ms - 10) == everything[::-1]
    assert found(logStreamNames=["one"], interleaved=True) == [everything[0], *everything[1::3]]
    assert found(logStreamNamePrefix="o") == [one for at, one in enumerate(everything) if at % 3 in (0, 1)]
    assert found(startTime=at_ms + 3, endTime=at_ms + 5) == ["event 3", "event 4", "event 5"]
    assert found(filterPattern="[kind = event, number >= 10]") == ["event 10", "event 11"]
    both = {"logStreamNames": ["one"], "logStreamNamePrefix": "t"}
    assert refusal(logs.filter_log_events, logGroupName=group, **both)[0] == "InvalidParameterException"
    assert refusal(logs.filter_log_events, logGroupName=group, logStreamNames=["x"])[0] == "ResourceNotFoundException"
    assert refusal(logs.filter_log_events, logGroupName=group, startFromHead=False)[0] == "InvalidParameterException"
    assert refusal(logs.filter_log_events, logGroupName=group, filterPattern="a:b") == (
        "InvalidParameterException",
        "Invalid character(s) in term ':'",
    )


def test_metric_filters_are_kept_shown_and_tried(logs: Any, group: str) -> None:
    transformation = {"metricName": "Errors", "metricNamespace": "App", "metricValue": "1", "defaultValue": 0.0}
    wanted = {"logGroupName": group, "filterName": "errors", "metricTransformations": [transformation]}
    logs.put_metric_filter(**wanted, filterPattern='{ $.level = "ERROR" }')
    (shown,) = logs.describe_metric_filters(logGroupName=group)["metricFilters"]
    assert shown["filterPattern"] == '{ $.level = "ERROR" }'
    assert shown["metricTransformations"] == [transformation]
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["metricFilterCount"] == 1
    assert logs.describe_metric_filters(metricName="Errors", metricNamespace="App")["metricFilters"] == [shown]
    assert refusal(logs.put_metric_filter, **wanted, filterPattern="{ $.a = ") == (
        "InvalidParameterException",
        "Invalid metric filter pattern",
    )
    for number in range(5):
        logs.put_metric_filter(**{**wanted, "filterName": f"r{number}"}, filterPattern="%a%")
    sixth = {**wanted, "filterName": "r5", "filterPattern": "%a%"}
    assert refusal(logs.put_metric_filter, **sixth)[0] == "LimitExceededException"
    logs.delete_metric_filter(logGroupName=group, filterName="errors")
    assert refusal(logs.delete_metric_filter, logGroupName=group, filterName="errors") == (
        "ResourceNotFoundException",
        "The specified metric filter does not exist.",
    )
    tried = logs.test_metric_filter(filterPattern="[ip, ..., bytes > 10]", logEventMessages=["a b 9", "a x y 11"])
    assert tried["matches"] == [
        {
            "eventNumber": 2,
            "eventMessage": "a x y 11",
            "extractedValues": {"$ip": "a", "$2": "x", "$3": "y", "$bytes": "11"},
        }
    ]


SUBSCRIBER = "def handler(event, context):\n    print('GOT', event['awslogs']['data'])\n"
DENIED = (
    "InvalidParameterException",
    "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.",
)


def unpack(message: str) -> dict[str, Any]:
    return dict(json.loads(gzip.decompress(base64.b64decode(message.split()[1]))))


def test_a_subscription_hands_what_matches_to_a_function(
    ingle: Ingle, logs: Any, functions: Any, deploy: Any, group: str
) -> None:
    name = deploy(SUBSCRIBER)
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    wanted = {"logGroupName": group, "filterName": "f", "filterPattern": "[level = ERROR, what]", "destinationArn": arn}
    assert refusal(logs.put_subscription_filter, **wanted) == DENIED
    permission = {"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"}
    source = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"
    functions.add_permission(**permission, StatementId="other", SourceArn=f"{source}-other:*")
    assert refusal(logs.put_subscription_filter, **wanted) == DENIED
    functions.add_permission(**permission, StatementId="logs", SourceArn=f"{source}:*", SourceAccount=ACCOUNT)
    logs.put_subscription_filter(**wanted)
    (shown,) = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert shown.items() >= {**wanted, "distribution": "ByLogStream"}.items()
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at_ms = now_ms()
    put(logs, group, "s", (at_ms, "ERROR one"), (at_ms, "INFO two"), (at_ms + 1, "ERROR three"))
    events = wait_for_events(logs, f"/aws/lambda/{name}", 4)
    (told,) = [unpack(event["message"]) for event in events if event["message"].startswith("GOT")]
    held = {one["message"]: one for one in logs.filter_log_events(logGroupName=group)["events"]}
    assert told == {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": group,
        "logStream": "s",
        "subscriptionFilters": ["f"],
        "logEvents": [
            {
                "id": held[message]["eventId"],
                "timestamp": held[message]["timestamp"],
                "message": message,
                "extractedFields": {"level": "ERROR", "what": message[6:]},
            }
            for message in ("ERROR one", "ERROR three")
        ],
    }
    functions.remove_permission(FunctionName=name, StatementId="logs")
    put(logs, group, "s", (at_ms + 2, "ERROR after its permission went"))
    logs.delete_subscription_filter(logGroupName=group, filterName="f")
    assert refusal(logs.delete_subscription_filter, logGroupName=group, filterName="f") == (
        "ResourceNotFoundException",
        "The specified subscription filter does not exist.",
    )
    assert "subscription.refused" in ingle.log.read_text() + (ingle.data_dir / "programs.log").read_text()


def test_what_a_function_logs_reaches_its_subscriber_and_never_itself(
    logs: Any, functions: Any, deploy: Any, invoke: Any
) -> None:
    talker, name = deploy("def handler(e, c):\n    print('ERROR', e)\n"), deploy(SUBSCRIBER)
    functions.add_permission(
        FunctionName=name, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    arn = functions.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    wanted = {"filterName": "f", "filterPattern": "ERROR", "destinationArn": arn}
    invoke(talker, 1)
    wait_for_events(logs, f"/aws/lambda/{talker}", 4)
    logs.put_subscription_filter(logGroupName=f"/aws/lambda/{talker}", **wanted)
    invoke(talker, 2)
    events = wait_for_events(logs, f"/aws/lambda/{name}", 4)
    (told,) = [unpack(event["message"]) for event in events if event["message"].startswith("GOT")]
    assert [one["message"] for one in told["logEvents"]] == ["ERROR 2\n"]
    assert refusal(logs.put_subscription_filter, logGroupName=f"/aws/lambda/{name}", **wanted) == (
        "InvalidParameterException",
        "The log group provided is reserved for the function logs of the destination function.",
    )
    stream = {"destinationArn": f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/s", "roleArn": "arn:aws:iam::0:role/r"}
    refused = refusal(logs.put_subscription_filter, logGroupName=f"/aws/lambda/{talker}", **{**wanted, **stream})
    assert "Could not deliver test message to specified Kinesis stream" in refused[1]


def follow(logs: Any, **wanted: Any) -> tuple[dict[str, Any], Iterator[list[dict[str, Any]]], Callable[[], None]]:
    """Begin a session; return what it began with, its updates that have events, and what ends it."""
    stream = logs.start_live_tail(**wanted)["responseStream"]
    events = iter(stream)
    started = next(events)["sessionStart"]
    updates = (one["sessionUpdate"]["sessionResults"] for one in events)
    return started, (one for one in updates if one), stream.close


def test_a_live_tail_tells_of_events_as_they_come(logs: Any, group: str, deploy: Any, invoke: Any) -> None:
    name = deploy("def handler(e, c):\n    print('line', e)\n")
    invoke(name, 0)
    wait_for_events(logs, f"/aws/lambda/{name}", 4)
    prefix = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:"
    arns = [f"{prefix}{group}", f"{prefix}/aws/lambda/{name}"]
    started, updates, close = follow(logs, logGroupIdentifiers=arns, logEventFilterPattern="line -two")
    assert started["logGroupIdentifiers"] == arns
    assert started["logEventFilterPattern"] == "line -two"
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at_ms = now_ms()
    put(logs, group, "s", (at_ms, "line one"), (at_ms, "line two"), (at_ms + 1, "other"))
    seen = next(updates)
    invoke(name, 1)
    seen += next(updates)
    close()
    held = [(one["logGroupIdentifier"], one["message"]) for one in seen]
    assert held == [(arns[0], "line one"), (arns[1], "line 1\n")]
    assert seen[0].items() >= {"logStreamName": "s", "timestamp": at_ms}.items()
    assert seen[0]["ingestionTime"] >= at_ms


def test_a_live_tail_is_of_streams_of_one_group_that_is_there(logs: Any, group: str) -> None:
    both = {"logStreamNames": ["s"], "logStreamNamePrefixes": ["s"]}
    assert refusal(logs.start_live_tail, logGroupIdentifiers=[group], **both)[0] == "InvalidParameterException"
    two = [group, group]
    assert (
        refusal(logs.start_live_tail, logGroupIdentifiers=two, logStreamNames=["s"])[0] == "InvalidParameterException"
    )
    assert refusal(logs.start_live_tail, logGroupIdentifiers=["/none"])[0] == "ResourceNotFoundException"


def test_a_deleted_groups_function_makes_it_anew(logs: Any, deploy: Any, invoke: Any) -> None:
    name = deploy("def handler(e, c):\n    print('line', e)\n")
    group = f"/aws/lambda/{name}"
    invoke(name, 1)
    wait_for_events(logs, group, 4)
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"] == []
    invoke(name, 2)
    messages = [event["message"] for event in wait_for_events(logs, group, 3)]
    assert "line 2\n" in messages
    assert "line 1\n" not in messages
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]


def test_what_is_declared_and_put_outlives_a_kill_and_what_is_deleted_is_gone() -> None:
    with running_ingle("--isolation", "process", "--insecure") as running:
        logs = running.client("logs")
        for name in ("kept", "gone"):
            logs.create_log_group(logGroupName=name, tags={"a": "b"})
            logs.create_log_stream(logGroupName=name, logStreamName="s")
            put(logs, name, "s", (now_ms(), "event"))
        logs.create_log_stream(logGroupName="kept", logStreamName="empty")
        logs.put_retention_policy(logGroupName="kept", retentionInDays=7)
        logs.delete_log_group(logGroupName="gone")
        folders = list((running.data_dir / "logs").iterdir())
        assert len(folders) == 1
        os.kill(belongings.programs(running)["control"], signal.SIGKILL)
        with pytest.raises(ClientError) as away:  # which is said in the protocol of Logs
            logs.describe_log_groups()
        assert away.value.response["Error"]["Code"] == "ServiceUnavailableException"
        running.process.kill()
        running.process.wait()
        running.start()
        logs = running.client("logs")
        (shown,) = logs.describe_log_groups()["logGroups"]
        assert (shown["logGroupName"], shown["retentionInDays"]) == ("kept", 7)
        assert logs.list_tags_log_group(logGroupName="kept")["tags"] == {"a": "b"}
        streams = logs.describe_log_streams(logGroupName="kept")["logStreams"]
        assert [one["logStreamName"] for one in streams] == ["empty", "s"]
        assert [one["message"] for one in logs.filter_log_events(logGroupName="kept")["events"]] == ["event"]
        tail = logs.start_live_tail(logGroupIdentifiers=["kept"])["responseStream"]
        assert "sessionStart" in next(iter(tail))
        running.stop()  # within a minute: a session that is open for three hours holds nobody up
        tail.close()
