"""Tags, with boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.system.test_functions_api import create, refused

UNKNOWN = "arn:aws:lambda:us-east-1:000000000000:"


@pytest.fixture(scope="module")
def arn(ingle: Any) -> Iterator[str]:
    """The ARN of an active function."""
    ingle.deploy("tagged", {"app.py": ""}, Tags={"first": "1"})
    yield str(ingle.client().get_function(FunctionName="tagged")["Configuration"]["FunctionArn"])
    ingle.client().delete_function(FunctionName="tagged")


def test_tags_are_added_changed_and_taken_away(functions: Any, arn: str) -> None:
    done = functions.tag_resource(Resource=arn, Tags={"team": "a/b", "Ünï cøde": "+-=._:/@ x"})
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    functions.tag_resource(Resource=arn, Tags={"team": "other", "empty": ""})
    expected = {"first": "1", "team": "other", "Ünï cøde": "+-=._:/@ x", "empty": ""}
    assert functions.list_tags(Resource=arn)["Tags"] == expected
    assert functions.get_function(FunctionName="tagged")["Tags"] == expected
    done = functions.untag_resource(Resource=arn, TagKeys=["team", "Ünï cøde", "empty", "nothing"])
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert functions.list_tags(Resource=arn)["Tags"] == {"first": "1"}


REFUSED: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "prefix": ({"Tags": {"AWS:x": "1"}}, "InvalidParameterValueException", 400, "aws: prefixed tag key names are not"),
    "many": (
        {"Tags": {f"k{number}": "" for number in range(50)}},
        "InvalidParameterValueException", 400, "Number of tags exceeds resource tag limit.",
    ),
    "none": ({"Tags": {}}, "InvalidParameterValueException", 400, "An error occurred and the request"),
    "key": ({"Tags": {"a*b": "1"}}, "ValidationException", 400, "regular expression"),
    "long": ({"Tags": {"k": "x" * 257}}, "ValidationException", 400, "length less than or equal to 256"),
    "qualified": (
        {"Resource": UNKNOWN + "function:tagged:1", "Tags": {"k": "v"}},
        "InvalidParameterValueException", 400, "Tags on function aliases and versions are not supported.",
    ),
    "unknown": (
        {"Resource": UNKNOWN + "function:nobody", "Tags": {"k": "v"}},
        "ResourceNotFoundException", 404, f"Function not found: {UNKNOWN}function:nobody",
    ),
    "other": (
        {"Resource": UNKNOWN + "capacity-provider:c", "Tags": {"k": "v"}},
        "ResourceNotFoundException", 404, f"Capacity provider not found: {UNKNOWN}capacity-provider:c",
    ),
    "no_arn": ({"Resource": "tagged", "Tags": {"k": "v"}}, "ValidationException", 400, "at 'resource'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_tags_that_break_a_rule_are_refused(case: str, functions: Any, arn: str) -> None:
    wishes, code, status, text = REFUSED[case]
    seen = refused(functions.tag_resource, **{"Resource": arn, **wishes})
    assert seen[:2] == (code, status)
    assert text in seen[2]
    assert functions.list_tags(Resource=arn)["Tags"] == {"first": "1"}


def test_a_new_functions_tags_keep_the_same_rules(functions: Any) -> None:
    with pytest.raises(ClientError, match="aws: prefixed"):
        create(functions, "badly-tagged", Tags={"aws:x": "1"})
    seen = refused(functions.list_tags, Resource=UNKNOWN + "function:badly-tagged")
    assert seen[:2] == ("ResourceNotFoundException", 404)
    assert refused(functions.untag_resource, Resource=UNKNOWN + "function:tagged")[0] == "ValidationException"
