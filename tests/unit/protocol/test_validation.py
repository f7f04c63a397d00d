"""What breaks a constraint of AWS's model is refused in AWS's own words."""

import json
from typing import Any

import pytest
from botocore_wire import receive, send

from ingle.protocol import AwsError, load_service, validation_error

NAME = load_service("lambda").shapes["FunctionName"]["pattern"]
RUNTIMES = ", ".join(load_service("lambda").shapes["Runtime"]["enum"])
GOOD = {"FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": b"x"}}
PROBLEM = "Value {} at '{}' failed to satisfy constraint: Member must {}"
COUNTED = "1 validation error detected: "


def problem(operation: str, arguments: dict[str, Any]) -> str:
    with pytest.raises(AwsError) as raised:
        receive("lambda", send("lambda", operation, arguments))
    assert (raised.value.code, raised.value.status) == ("ValidationException", 400)
    return raised.value.message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"MemorySize": 127}, PROBLEM.format("'127'", "memorySize", "have value greater than or equal to 128")),
        ({"MemorySize": 10**6}, PROBLEM.format("'1000000'", "memorySize", "have value less than or equal to 32768")),
        ({"Timeout": 0}, PROBLEM.format("'0'", "timeout", "have value greater than or equal to 1")),
        (
            {"Description": "x" * 257},
            PROBLEM.format(f"'{'x' * 257}'", "description", "have length less than or equal to 256"),
        ),
        (
            {"FunctionName": "a b"},
            PROBLEM.format("'a b'", "functionName", f"satisfy regular expression pattern: {NAME}"),
        ),
        ({"Handler": "a b"}, PROBLEM.format("'a b'", "handler", r"satisfy regular expression pattern: [^\s]+")),
        ({"Role": None}, PROBLEM.format("null", "role", "not be null")),
        ({"Code": None}, PROBLEM.format("null", "code", "not be null")),
        (
            {"EphemeralStorage": {"Size": 1}},
            PROBLEM.format("'1'", "ephemeralStorage.size", "have value greater than or equal to 512"),
        ),
        ({"EphemeralStorage": {}}, PROBLEM.format("null", "ephemeralStorage.size", "not be null")),
        (
            {"TracingConfig": {"Mode": "On"}},
            PROBLEM.format("'On'", "tracingConfig.mode", "satisfy enum value set: [Active, PassThrough]"),
        ),
    ],
)
def test_a_broken_constraint_is_told_in_awss_words(change: dict[str, Any], words: str) -> None:
    arguments = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    assert problem("CreateFunction", arguments) == COUNTED + words


def test_a_wrong_member_of_a_list_is_told_of_its_list() -> None:
    inner = "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"
    words = PROBLEM.format("'[sparc]'", "architectures", f"satisfy constraint: {inner}")
    assert problem("CreateFunction", {**GOOD, "Architectures": ["sparc"]}) == COUNTED + words


def test_all_that_is_asked_of_a_member_of_a_list_is_told() -> None:
    """These are Lambda's own words for a method of seven letters."""
    arguments = {"FunctionName": "f", "AuthType": "NONE", "Cors": {"AllowMethods": ["GET", "POST", "OPTIONS"]}}
    assert problem("CreateFunctionUrlConfig", arguments) == (
        "1 validation error detected: Value '[GET, POST, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint:"
        " Member must satisfy constraint: [Member must have length less than or equal to 6, Member must have length"
        " greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]"
    )


KEYS = "Map keys must satisfy constraint: [{}]"
VALUES = "Map value must satisfy constraint: [{}, Member must not be null]"
FAILED = "Value{} at '{}' failed to satisfy constraint: {}"
VERSION = (
    "Member must have length less than or equal to 1024, Member must have length greater than or equal to 1, Member must"
    " satisfy regular expression pattern: [0-9]+"
)
WEIGHT = "Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0"
TAG = (
    "Member must have length less than or equal to {}, Member must have length greater than or equal to {}, Member must"
)
TAG += r" satisfy regular expression pattern: ([\p{{L}}\p{{Z}}\p{{N}}_.:/=+\-@]*)"
NAMES = "Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+"


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        (
            "CreateFunction",
            {"Environment": {"Variables": {"a": "1"}}},
            ("", "environment.variables", KEYS.format(NAMES)),
        ),
        ("CreateFunction", {"Tags": {"a?": "b"}}, (" '{a?=b}'", "tags", KEYS.format(TAG.format(128, 1)))),
        ("CreateFunction", {"Tags": {"a": "?"}}, (" '{a=?}'", "tags", VALUES.format(TAG.format(256, 0)))),
        (
            "CreateAlias",
            {"RoutingConfig": {"AdditionalVersionWeights": {"2": 2}}},
            (" '{2=2.0}'", "routingConfig.additionalVersionWeights", VALUES.format(WEIGHT)),
        ),
        (
            "CreateAlias",
            {"RoutingConfig": {"AdditionalVersionWeights": {"a": 0.5}}},
            (" '{a=0.5}'", "routingConfig.additionalVersionWeights", KEYS.format(VERSION)),
        ),
        ("TagResource", {"Tags": {"": "b"}}, (" '{=b}'", "tags", KEYS.format(TAG.format(128, 1)))),
        (
            "UntagResource",
            {"TagKeys": ["?", "b"]},
            (
                " '[?, b]'",
                "tagKeys",
                f"Member must satisfy constraint: [{TAG.format(128, 1)}, Member must not be null]",
            ),
        ),
    ],
)
def test_what_is_wrong_in_a_map_is_told_of_the_map(
    operation: str, arguments: dict[str, Any], words: tuple[str, str, str]
) -> None:
    others: dict[str, dict[str, Any]] = {
        "CreateFunction": GOOD,
        "CreateAlias": {"FunctionName": "f", "Name": "a", "FunctionVersion": "1"},
    }
    wish = others.get(operation, {"Resource": "arn:aws:lambda:us-east-1:123456789012:function:f"})
    assert problem(operation, wish | arguments) == COUNTED + FAILED.format(*words)


def test_the_runtimes_of_a_layer_are_told_of_before_its_architectures() -> None:
    wish = {"LayerName": "l", "Content": {}, "CompatibleArchitectures": ["a"], "CompatibleRuntimes": ["b", "java8"]}
    runtimes, architectures = problem("PublishLayerVersion", wish).split("; ")
    assert runtimes == "2 validation errors detected: " + PROBLEM.format(
        "'[b, java8]'", "compatibleRuntimes", f"satisfy enum value set: [{RUNTIMES}]"
    )
    assert architectures.endswith("Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")


def test_a_list_too_long_is_shown_as_aws_shows_lists() -> None:
    message = problem("CreateFunction", {**GOOD, "Architectures": ["arm64", "x86_64"]})
    assert message == COUNTED + PROBLEM.format(
        "'[arm64, x86_64]'", "architectures", "have length less than or equal to 1"
    )


def test_several_problems_are_counted_and_joined() -> None:
    message = problem("CreateFunction", {"FunctionName": "f", "Timeout": 0, "MemorySize": 1})
    assert message.startswith("4 validation errors detected: ")
    assert sorted(message.partition(": ")[2].split("; ")) == sorted(
        [
            PROBLEM.format("null", "role", "not be null"),
            PROBLEM.format("null", "code", "not be null"),
            PROBLEM.format("'0'", "timeout", "have value greater than or equal to 1"),
            PROBLEM.format("'1'", "memorySize", "have value greater than or equal to 128"),
        ]
    )


def test_one_problem_is_one_error() -> None:
    assert validation_error(["a"]).message == "1 validation error detected: a"
    assert validation_error(["a", "b"]).message == "2 validation errors detected: a; b"


def test_what_is_secret_is_not_shown() -> None:
    message = problem("CreateFunction", {**GOOD, "Environment": {"Variables": {"NAME": "secret", "0": "hidden"}}})
    assert "secret" not in message
    assert "hidden" not in message
    assert "'0'" not in message


def test_a_name_in_the_path_and_a_number_in_the_query_are_checked_too() -> None:
    assert "at 'functionName' failed to satisfy" in problem("GetFunction", {"FunctionName": "a b"})
    assert "Value '0' at 'maxItems'" in problem("ListFunctions", {"MaxItems": 0})
    assert "Value 'NONE' at 'functionVersion'" in problem("ListFunctions", {"FunctionVersion": "NONE"})
    assert "Value 'Never' at 'invocationType'" in problem("Invoke", {"FunctionName": "f", "InvocationType": "Never"})


def test_a_message_can_always_be_sent() -> None:
    odd = problem("GetFunction", {"FunctionName": 'a"\\\n\0é\u2028😀'})
    assert json.loads(json.dumps(odd)) == odd


def test_a_pattern_binds_the_whole_text() -> None:
    for name in ("f\n", "f f", "f/../g", "f:1:2", "", "f;", "ü"):
        if name:  # without a name it is the path of another operation
            assert "functionName" in problem("GetFunction", {"FunctionName": name})
