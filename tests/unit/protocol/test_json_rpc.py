"""JSON 1.1, as CloudWatch Logs speaks it, against botocore's own serializer and parser."""

import dataclasses
import json
from typing import Any

import pytest
from botocore_wire import Sent, read, receive, send
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.protocol import AwsError, json_rpc, load_service

GROUP = "/aws/lambda/f"
INPUTS: list[tuple[str, dict[str, Any]]] = [
    ("CreateLogGroup", {"logGroupName": GROUP, "tags": {"a": "1"}}),
    ("CreateLogStream", {"logGroupName": GROUP, "logStreamName": "2026/01/02/[$LATEST]abc"}),
    ("DescribeLogGroups", {}),
    ("DescribeLogStreams", {"logGroupName": GROUP, "orderBy": "LastEventTime", "descending": True, "limit": 50}),
    (
        "PutLogEvents",
        {"logGroupName": GROUP, "logStreamName": "s", "logEvents": [{"timestamp": 1767323045000, "message": "é\n\0"}]},
    ),
    (
        "FilterLogEvents",
        {
            "logGroupName": GROUP,
            "logStreamNames": ["a", "b"],
            "startTime": 0,
            "endTime": 2**62,
            "filterPattern": '"x" ?y',
            "interleaved": False,
        },
    ),
    ("GetLogEvents", {"logGroupName": GROUP, "logStreamName": "s", "startFromHead": True, "nextToken": "f/1"}),
    ("PutRetentionPolicy", {"logGroupName": GROUP, "retentionInDays": 7}),
    ("DeleteLogGroup", {"logGroupName": GROUP}),
]
OUTPUTS: list[tuple[str, dict[str, Any]]] = [
    (
        "FilterLogEvents",
        {
            "events": [{"logStreamName": "s", "timestamp": 1767323045000, "message": "é", "eventId": "1"}],
            "nextToken": "t",
            "searchedLogStreams": [],
        },
    ),
    ("DescribeLogGroups", {"logGroups": [{"logGroupName": GROUP, "storedBytes": 0, "arn": "a"}]}),
    ("GetLogEvents", {"events": [], "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}),
    ("PutLogEvents", {"rejectedLogEventsInfo": {"tooOldLogEventEndIndex": 1}}),
]
FILTER = send("logs", "FilterLogEvents", {"logGroupName": GROUP})


def refusal(sent: Sent, body: bytes) -> AwsError:
    with pytest.raises(AwsError) as raised:
        receive("logs", dataclasses.replace(sent, body=body))
    assert raised.value.status == 400
    return raised.value


@pytest.mark.parametrize(("operation", "arguments"), INPUTS)
def test_what_botocore_sends_is_read_as_it_was_meant(operation: str, arguments: dict[str, Any]) -> None:
    found, received = receive("logs", send("logs", operation, arguments))
    assert found.name == operation
    assert received == arguments


@pytest.mark.parametrize(("operation", "result"), OUTPUTS)
def test_what_is_answered_is_read_by_botocore(operation: str, result: dict[str, Any]) -> None:
    model = load_service("logs")
    answer = json_rpc.serialize(model, model.operations[operation], result)
    assert answer[:2] == (200, [(b"content-type", b"application/x-amz-json-1.1")])
    parsed = read("logs", operation, answer)
    parsed.pop("ResponseMetadata")
    assert parsed == result


def test_an_operation_without_output_answers_nothing() -> None:
    model = load_service("logs")
    assert json_rpc.serialize(model, model.operations["CreateLogGroup"], {})[2] == b""
    assert read("logs", "CreateLogGroup", json_rpc.serialize(model, model.operations["CreateLogGroup"], {}))


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidParameterException", "SerializationException"])
def test_an_error_is_a_400_that_botocore_reads(code: str) -> None:
    answer = json_rpc.render_error(AwsError(code, "words"))
    assert answer[0] == 400
    assert json.loads(answer[2]) == {"__type": code, "message": "words"}
    parsed = read("logs", "FilterLogEvents", answer)
    assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == (code, "words")


def test_a_forbidden_or_failed_request_keeps_its_status() -> None:
    assert json_rpc.render_error(AwsError("AccessDeniedException", "m"))[0] == 403
    assert json_rpc.render_error(AwsError("ServiceUnavailableException", "m"))[0] == 503


def test_a_broken_constraint_is_an_invalid_parameter() -> None:
    error = refusal(FILTER, b'{"logGroupName": "", "limit": 0}')
    assert error.code == "InvalidParameterException"
    assert error.message.startswith("3 validation errors detected: Value '' at 'logGroupName' failed to satisfy")
    assert (
        "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        in error.message
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[]",
        b"1",
        b"null",
        b'{"logGroupName": "\xff"}',
        b'{"limit": "1"}',
        b'{"limit": 1.5}',
        b'{"limit": true}',
        b'{"startTime": 9223372036854775808}',
        b'{"startTime": 1e400}',
        b'{"logStreamNames": "a"}',
        b'{"interleaved": 1}',
        b'{"logStreamNames": [{}]}',
        b'{"logGroupName": ["a"]}',
        b'{"logGroupName": {}}',
        b'{"a":' * 10_000,
    ],
)
def test_a_body_of_another_type_can_not_be_read(body: bytes) -> None:
    assert refusal(FILTER, body).code == "SerializationException"


def test_an_empty_body_is_an_empty_object() -> None:
    assert receive("logs", dataclasses.replace(send("logs", "DescribeLogGroups", {}), body=b""))[1] == {}


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(load_service("logs").operations)), st.data())
def test_whatever_a_request_holds_it_is_read_or_refused(name: str, data: Any) -> None:
    model = load_service("logs")
    operation = model.operations[name]
    members = sorted(model.shapes[operation.input or ""].get("members", {})) if operation.input else []
    keys = st.sampled_from(members or ["x"]) | st.text(max_size=4)
    body = json.dumps(data.draw(st.dictionaries(keys, VALUES, max_size=5))).encode()
    at = data.draw(st.integers(0, len(body)))
    body = data.draw(st.sampled_from([body, body, body[:at], body[:at] + b"\xff" + body[at:]]))
    try:
        json_rpc.parse_request(model, operation, body)
    except AwsError as error:
        assert error.code in ("SerializationException", "InvalidParameterException")
        json_rpc.render_error(error)
