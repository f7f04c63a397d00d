"""REST-JSON against botocore's own serializer and parser, and against what no client sends."""

import dataclasses
import datetime
import json
from typing import Any

import pytest
from botocore_wire import Sent, read, receive, send
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.protocol import AwsError, load_service, rest_json

ROLE = "arn:aws:iam::123456789012:role/r"
INPUTS: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateFunction",
        {
            "FunctionName": "f",
            "Runtime": "python3.11",
            "Role": ROLE,
            "Handler": "app.handler",
            "Timeout": 3,
            "Code": {"ZipFile": b"PK\x03\x04\0\xff"},
            "MemorySize": 128,
            "Publish": True,
            "Architectures": ["arm64"],
            "Environment": {"Variables": {"KEY": "välue", "EMPTY": ""}},
            "Tags": {"a": "1"},
            "Layers": [],
            "VpcConfig": {"SubnetIds": ["subnet-1"], "Ipv6AllowedForDualStack": False},
        },
    ),
    ("GetFunction", {"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Qualifier": "$LATEST"}),
    ("GetFunction", {"FunctionName": "123456789012:function:f"}),
    ("ListFunctions", {"Marker": "a+b/c=&d ?é", "MaxItems": 50, "FunctionVersion": "ALL"}),
    ("ListFunctions", {}),
    ("UpdateFunctionCode", {"FunctionName": "f", "ZipFile": b"", "DryRun": False}),
    ("Invoke", {"FunctionName": "f", "InvocationType": "Event", "LogType": "Tail", "Payload": b"\0\xff{}"}),
    ("Invoke", {"FunctionName": "f", "Payload": b""}),
    ("PutFunctionConcurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 0}),
    ("UntagResource", {"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "TagKeys": ["a", "b c", "a"]}),
    ("TagResource", {"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:f", "Tags": {"é": "+"}}),
    ("GetLayerVersion", {"LayerName": "l", "VersionNumber": 12}),
    (
        "StopDurableExecution",
        {
            "DurableExecutionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f:1/durable-execution/a/b",
            "Error": {"ErrorType": "t", "StackTrace": ["a", "b"]},
        },
    ),
]
OUTPUTS: list[tuple[str, dict[str, Any]]] = [
    (
        "CreateFunction",
        {"FunctionName": "f", "Timeout": 3, "State": "Pending", "Environment": {"Variables": {"K": "é"}}},
    ),
    (
        "GetFunction",
        {
            "Configuration": {"FunctionName": "f", "Layers": [{"Arn": "a", "CodeSize": 2**40}]},
            "Tags": {},
            "Code": {"RepositoryType": "S3", "Location": "https://x/?a=b&c"},
            "Concurrency": {},
        },
    ),
    ("ListFunctions", {"Functions": [{"FunctionName": "a"}, {"FunctionName": "b"}], "NextMarker": "m"}),
    ("ListFunctions", {"Functions": []}),
    ("GetFunctionConcurrency", {}),
    ("GetPolicy", {"Policy": '{"a":"\\"b\\""}', "RevisionId": "r"}),
]
REFUSALS = {"SerializationException": 400, "ValidationException": 400}
PUT_CONCURRENCY = Sent(
    method="PUT",
    path="/2017-10-31/functions/f/concurrency",
    query="",
    headers=[],
    body=b'{"ReservedConcurrentExecutions":1}',
)


def refusal(sent: Sent) -> AwsError:
    with pytest.raises(AwsError) as raised:
        receive("lambda", sent)
    assert raised.value.status == REFUSALS[raised.value.code]
    return raised.value


@pytest.mark.parametrize(("operation", "arguments"), INPUTS)
def test_what_botocore_sends_is_read_as_it_was_meant(operation: str, arguments: dict[str, Any]) -> None:
    found, received = receive("lambda", send("lambda", operation, arguments))
    assert found.name == operation
    assert received == arguments


@pytest.mark.parametrize(("operation", "result"), OUTPUTS)
def test_what_is_answered_is_read_by_botocore(operation: str, result: dict[str, Any]) -> None:
    model = load_service("lambda")
    answer = rest_json.serialize(model, model.operations[operation], result)
    assert answer[0] == model.operations[operation].status
    parsed = read("lambda", operation, answer)
    parsed.pop("ResponseMetadata")
    assert parsed == result


def test_an_instant_of_a_query_is_read_as_seconds() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    arguments = {"FunctionName": "f", "StartedAfter": moment, "StartedBefore": moment}
    _, received = receive("lambda", send("lambda", "ListDurableExecutionsByFunction", arguments))
    assert received == {"FunctionName": "f", "StartedAfter": moment.timestamp(), "StartedBefore": moment.timestamp()}


@pytest.mark.parametrize("status", [None, 200, 204])
def test_an_answer_may_have_another_status_than_the_model(status: int | None) -> None:
    model = load_service("lambda")
    code, headers, body = rest_json.serialize(model, model.operations["DeleteFunction"], {}, status=status)
    assert code == (status or 200)
    assert (headers, body) == ([], b"") if status == 204 else body == b"{}"


def test_an_answer_that_the_model_does_not_have_is_a_mistake_of_ours() -> None:
    model = load_service("lambda")
    with pytest.raises(RuntimeError, match="Nmae"):
        rest_json.serialize(model, model.operations["GetFunctionConfiguration"], {"Nmae": "f"})


def test_what_is_none_is_left_out_of_an_answer() -> None:
    model = load_service("lambda")
    result = {"FunctionName": "f", "Description": None, "VpcConfig": {"VpcId": None}}
    assert json.loads(rest_json.serialize(model, model.operations["GetFunctionConfiguration"], result)[2]) == {
        "FunctionName": "f",
        "VpcConfig": {},
    }


@pytest.mark.parametrize(
    ("code", "status", "body"),
    [
        ("ResourceNotFoundException", 404, {"Type": "User", "Message": "m"}),
        ("ServiceException", 500, {"Type": "Service", "Message": "m"}),
        ("InvalidParameterValueException", 400, {"Type": "User", "message": "m"}),
        ("ResourceConflictException", 409, {"Type": "User", "message": "m"}),
        ("PreconditionFailedException", 412, {"Type": "User", "message": "m"}),
        ("ValidationException", 400, {"message": "m"}),
        ("AccessDeniedException", 403, {"Message": "m"}),
        ("InvalidSignatureException", 403, {"message": "m"}),
    ],
)
def test_an_error_is_rendered_as_lambda_does(code: str, status: int, body: dict[str, str]) -> None:
    answer = rest_json.render_error(AwsError(code, "m"))
    assert (answer[0], json.loads(answer[2])) == (status, body)
    assert dict(answer[1])[b"x-amzn-errortype"] == code.encode()
    parsed = read("lambda", "GetFunction", answer)
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == "m"


@pytest.mark.parametrize(
    ("reason", "after"),
    [("CallerRateLimitExceeded", b"1"), ("ReservedFunctionConcurrentInvocationLimitExceeded", None)],
)
def test_a_throttled_caller_is_told_why_and_of_calls_when_to_try_again(reason: str, after: bytes | None) -> None:
    answer = rest_json.render_error(AwsError("TooManyRequestsException", "Rate Exceeded.", Reason=reason))
    assert answer[0] == 429
    assert dict(answer[1]).get(b"retry-after") == after
    assert json.loads(answer[2]) == {"Reason": reason, "Type": "User", "message": "Rate Exceeded."}


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nul",
        b"\xff",
        b'{"a": "\xff"}',
        b"[]",
        b"1",
        b'"a"',
        b"null",
        b"{} {}",
        b"{'a': 1}",
        b"NaN",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"Tags":' * 50 + b"}" * 50,
        b'{"a": "\\ud800"}',
        "{}".encode("utf-16"),
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_body_that_is_no_object_can_not_be_read(body: bytes) -> None:
    refusal(dataclasses.replace(PUT_CONCURRENCY, body=body))


@pytest.mark.parametrize(
    "value",
    [
        '"1"',
        "true",
        "1.5",
        "[1]",
        "{}",
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "1e30",
        "1" * 30,
        "1" * 5000,
    ],
)
def test_a_number_that_is_none_can_not_be_read(value: str) -> None:
    body = b'{"ReservedConcurrentExecutions":' + value.encode() + b"}"
    assert refusal(dataclasses.replace(PUT_CONCURRENCY, body=body)).code == "SerializationException"


@pytest.mark.parametrize("value", ["1_0", " 1", "+1", "", "1.0", "٣", "1" * 20, "1" * 5000, "x", "0x1", "true"])
def test_a_number_of_the_query_or_path_that_is_none_can_not_be_read(value: str) -> None:
    asked = [send("lambda", "ListFunctions", {"MaxItems": value})]
    if value:
        asked.append(send("lambda", "GetLayerVersion", {"LayerName": "l", "VersionNumber": value}))
    for sent in asked:
        assert refusal(sent).code == "SerializationException"


@pytest.mark.parametrize("value", [str(10**400), "1e400", '"x"', "{}", "true", '"0001-01-01T00:00:00+23:00:00x"'])
def test_an_instant_or_weight_that_is_none_can_not_be_read(value: str) -> None:
    sent = send("lambda", "CreateEventSourceMapping", {"FunctionName": "f"})
    sent = dataclasses.replace(sent, body=b'{"FunctionName":"f","StartingPositionTimestamp":' + value.encode() + b"}")
    assert refusal(sent).code == "SerializationException"
    sent = send("lambda", "CreateAlias", {"FunctionName": "f"})
    weights = (
        b'{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":' + value.encode() + b"}}}"
    )
    assert refusal(dataclasses.replace(sent, body=weights)).code == "SerializationException"


@pytest.mark.parametrize(
    "text", ["1767323045", '"2026-01-02T03:04:05Z"', '"2026-01-02T03:04:05"', '"2026-01-02T05:04:05+02:00"']
)
def test_an_instant_has_a_zone_of_its_own(text: str) -> None:
    sent = send("lambda", "CreateEventSourceMapping", {"FunctionName": "f"})
    body = b'{"FunctionName":"f","StartingPositionTimestamp":' + text.encode() + b"}"
    assert receive("lambda", dataclasses.replace(sent, body=body))[1]["StartingPositionTimestamp"] == 1767323045.0


@pytest.mark.parametrize("value", ["1" * 100, "1" * 5000, "1e308"])
def test_a_number_in_the_place_of_a_text_is_read_or_refused(value: str) -> None:
    sent = send("lambda", "CreateAlias", {"FunctionName": "f"})
    sent = dataclasses.replace(sent, body=b'{"Name":"a","FunctionVersion":"1","Description":' + value.encode() + b"}")
    try:
        receive("lambda", sent)
    except AwsError as error:
        assert error.status == REFUSALS[error.code]


def test_what_the_model_does_not_know_is_dropped() -> None:
    body = b'{"ReservedConcurrentExecutions": 1, "Other": {"a": [1e999]}, "FunctionName": "g"}'
    sent = dataclasses.replace(PUT_CONCURRENCY, body=body.replace(b"1e999", b"1"), query="Other=1&&=&%ff=%ff")
    assert receive("lambda", sent)[1] == {"FunctionName": "f", "ReservedConcurrentExecutions": 1}


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OPERATIONS = sorted(load_service("lambda").operations)


@st.composite
def bodies(draw: Any, service: str, operations: list[str]) -> tuple[str, bytes]:
    """Draw an operation and a document that has some of its members, of whatever type."""
    model = load_service(service)
    name = draw(st.sampled_from(operations))
    members = list(model.shapes[model.operations[name].input or ""].get("members", {"x": {}}))
    keys = st.sampled_from(members or ["x"]) | st.text(max_size=4)
    document = draw(st.dictionaries(keys, VALUES, max_size=5))
    body = json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    at = draw(st.integers(0, len(body)))
    return name, draw(st.sampled_from([body, body, body[:at], body[:at] + b"\xff" + body[at:]]))


@settings(max_examples=200, deadline=None)
@given(bodies("lambda", OPERATIONS), st.text(max_size=12), st.text(max_size=12))
def test_whatever_a_request_holds_it_is_read_or_refused(drawn: tuple[str, bytes], label: str, query: str) -> None:
    name, body = drawn
    model = load_service("lambda")
    operation = model.operations[name]
    members = model.shapes[operation.input or ""].get("members", {})
    labels = {
        member.get("locationName", key): label for key, member in members.items() if member.get("location") == "uri"
    }
    wires = [member["locationName"] for member in members.values() if member.get("location") == "querystring"]
    asked = "&".join(f"{wire}={query}" for wire in wires)
    try:
        rest_json.parse_request(model, operation, labels, asked, [(b"x-amz-invocation-type", query.encode())], body)
    except AwsError as error:
        assert error.status == REFUSALS[error.code]
        rest_json.render_error(error)
