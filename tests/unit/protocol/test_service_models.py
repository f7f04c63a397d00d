"""Every operation of AWS's models is found by the request that botocore makes for it."""

import re
from typing import Any

import pytest
from botocore_wire import described, receive, send

from ingle.protocol import AwsError, json_rpc, load_service, not_implemented

LAMBDA = sorted(load_service("lambda").operations)
LOGS = sorted(load_service("logs").operations)
ODD_LABELS = [
    "f",
    "f:$LATEST",
    "arn:aws:lambda:eu-west-1:123456789012:function:f:1",
    "arn:aws:lambda:eu-west-1:123456789012:durable/f/1",
    "configuration",
    "a b+c%2Fd?e#f&g=é",
    ".",
]


def labels_of(operation: str, text: str) -> dict[str, Any]:
    """Return a value for each label of an operation's URI."""
    shape = described("lambda").operation_model(operation).input_shape
    members = shape.members.items() if shape else ()
    held = {name: member for name, member in members if member.serialization.get("location") == "uri"}
    return {name: 7 if member.type_name == "long" else text for name, member in held.items()}


def test_the_models_are_there() -> None:
    assert len(LAMBDA) > 80
    assert len(LOGS) > 80
    assert load_service("lambda").target_prefix == ""
    assert load_service("logs").target_prefix == "Logs_20140328"


def test_a_model_is_loaded_once() -> None:
    assert load_service("lambda") is load_service("lambda")


@pytest.mark.parametrize("name", LAMBDA)
def test_an_operation_of_lambda_is_found_by_its_uri(name: str) -> None:
    model = load_service("lambda")
    for text in ODD_LABELS:
        wanted = labels_of(name, text)
        sent = send("lambda", name, wanted)
        found = model.match(sent.method, sent.path, sent.query)
        assert found is not None
        operation, labels = found
        assert operation.name == name
        shape = model.shapes[operation.input]["members"] if operation.input else {}
        assert labels == {shape[key].get("locationName", key): str(value) for key, value in wanted.items()}
        assert model.match(sent.method, sent.path + "/", sent.query) == found


@pytest.mark.parametrize("name", LAMBDA)
def test_an_operation_of_lambda_needs_its_own_method(name: str) -> None:
    sent = send("lambda", name, labels_of(name, "f"))
    assert load_service("lambda").match("PATCH", sent.path, sent.query) is None
    for other in ("GET", "POST", "PUT", "DELETE"):
        found = load_service("lambda").match(other, sent.path, sent.query)
        assert found is None or found[0].method == other


@pytest.mark.parametrize("name", LAMBDA)
def test_an_operation_of_lambda_has_the_status_of_its_model(name: str) -> None:
    model = described("lambda").operation_model(name)
    assert load_service("lambda").operations[name].status == model.http["responseCode"]


@pytest.mark.parametrize("name", LOGS)
def test_an_operation_of_logs_is_found_by_its_target(name: str) -> None:
    sent = send("logs", name, {})
    assert json_rpc.match_target(load_service("logs"), dict(sent.headers)[b"x-amz-target"]).name == name


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b".",
        b"Logs_20140328",
        b"Logs_20140328.",
        b"Logs_20140328.Nothing",
        b"Other.FilterLogEvents",
        b"FilterLogEvents",
        b"Logs_20140328.filterLogEvents",
        b"Logs_20140328.FilterLogEvents.",
        b"\xff.\xff",
    ],
)
def test_an_unknown_target_is_an_unknown_operation(target: bytes) -> None:
    with pytest.raises(AwsError) as raised:
        json_rpc.match_target(load_service("logs"), target)
    assert (raised.value.code, raised.value.status) == ("UnknownOperationException", 400)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "//"),
        ("GET", "/2015-03-31"),
        ("GET", "/2015-03-31/functions/a/b/c"),
        ("POST", "/2015-03-31/functions//invocations"),
        ("GET", "/2015-03-31/function/f"),
        ("get", "/2015-03-31/functions"),
        ("GET", "x/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions\n"),
        ("GET", "/2015-03-31/functions/f\n/code"),
    ],
)
def test_another_path_is_no_operation(method: str, path: str) -> None:
    assert load_service("lambda").match(method, path, "") is None


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("find=LayerVersion&Arn=a", "GetLayerVersionByArn"),
        ("Arn=a&find=LayerVersion", "GetLayerVersionByArn"),
        ("", "ListLayers"),
        ("find=layerversion", "ListLayers"),
        ("xfind=LayerVersion", "ListLayers"),
    ],
)
def test_a_query_can_tell_operations_apart(query: str, name: str) -> None:
    found = load_service("lambda").match("GET", "/2018-10-31/layers", query)
    assert found is not None
    assert found[0].name == name


def test_a_pattern_of_every_shape_is_one_that_python_reads_or_one_of_unicode_classes() -> None:
    for service in ("lambda", "logs"):
        for shape in load_service(service).shapes.values():
            try:
                re.compile(shape.get("pattern", ""))
            except re.error:
                assert "\\p{" in shape["pattern"] or shape["pattern"] == "[\\w-_]*"


def test_an_operation_that_is_not_there_yet_says_so() -> None:
    error = not_implemented("lambda", "CreateAlias")
    assert (error.code, error.status) == ("NotImplementedException", 501)
    assert error.message == "Ingle does not implement lambda:CreateAlias yet."


def test_a_request_without_input_has_no_arguments() -> None:
    names = [name for name in LAMBDA if not described("lambda").operation_model(name).input_shape.members]
    assert "GetAccountSettings" in names
    for name in names:
        assert receive("lambda", send("lambda", name, {}))[1] == {}
