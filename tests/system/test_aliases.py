"""Aliases, with boto3: the operations, and what invocations by an alias see."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Ingle

SOURCE = """
import os
def handler(event, context):
    return [os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.function_version, context.invoked_function_arn]
"""
FAST = {"Delay": 0.05, "MaxAttempts": 200}
ARN = "arn:aws:lambda:us-east-1:000000000000:function:aliased"


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Any:
    return ingle.client()


@pytest.fixture(scope="module")
def aliased(ingle: Ingle, client: Any) -> Iterator[str]:
    """A function with three versions."""
    ingle.deploy("aliased", {"app.py": SOURCE}, Publish=True)
    for timeout in (21, 22):
        client.update_function_configuration(FunctionName="aliased", Timeout=timeout)
        client.get_waiter("function_updated_v2").wait(FunctionName="aliased", WaiterConfig=FAST)
        client.publish_version(FunctionName="aliased")
    yield "aliased"
    client.delete_function(FunctionName="aliased")


def refused(call: Any, **arguments: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def test_an_alias_is_made_got_changed_listed_and_deleted(client: Any, aliased: str) -> None:
    named = {"FunctionName": aliased, "Name": "life"}
    weights = {"AdditionalVersionWeights": {"2": 0.25}}
    made = client.create_alias(**named, FunctionVersion="1", Description="d", RoutingConfig=weights)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    expected = {"AliasArn": f"{ARN}:life", "Name": "life", "FunctionVersion": "1", "Description": "d"}
    assert {key: made[key] for key in (*expected, "RoutingConfig")} == {**expected, "RoutingConfig": weights}
    assert refused(client.create_alias, **named, FunctionVersion="1") == (
        "ResourceConflictException", 409, f"Alias already exists: {ARN}:life",
    )  # fmt: skip
    got = client.get_alias(**named)
    assert got["RevisionId"] == made["RevisionId"]
    assert refused(client.update_alias, **named, RevisionId="stale")[:2] == ("PreconditionFailedException", 412)
    updated = client.update_alias(**named, FunctionVersion="3", RoutingConfig={}, RevisionId=got["RevisionId"])
    assert ("RoutingConfig" in updated, updated["Description"]) == (False, "d")
    assert updated["RevisionId"] != got["RevisionId"]
    assert [one["Name"] for one in client.list_aliases(FunctionName=aliased)["Aliases"]] == ["life"]
    for _ in range(2):
        assert client.delete_alias(**named)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_alias, **named) == (
        "ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:life",
    )  # fmt: skip


def test_aliases_are_listed_by_name_by_version_and_by_page(client: Any, aliased: str) -> None:
    for name, version, weights in (("p3", "1", {"2": 0.5}), ("p1", "2", {}), ("p2", "1", {})):
        client.create_alias(
            FunctionName=aliased,
            Name=name,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
    pages = client.get_paginator("list_aliases").paginate(FunctionName=aliased, PaginationConfig={"PageSize": 2})
    names = [[one["Name"] for one in page["Aliases"]] for page in pages]
    assert names == [["p1", "p2"], ["p3"]]
    of_two = client.list_aliases(FunctionName=aliased, FunctionVersion="2")["Aliases"]
    assert [one["Name"] for one in of_two] == ["p1", "p3"]
    for name in ("p1", "p2", "p3"):
        client.delete_alias(FunctionName=aliased, Name=name)


def test_what_an_alias_may_not_be_is_refused(client: Any, aliased: str) -> None:
    wish = {"FunctionName": aliased, "Name": "never", "FunctionVersion": "1"}
    for change, code, status in (
        ({"FunctionVersion": "9"}, "ResourceNotFoundException", 404),
        ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404),
        ({"FunctionName": f"{aliased}:1"}, "InvalidParameterValueException", 400),
        ({"Name": "12"}, "ValidationException", 400),
        ({"Name": "a b"}, "ValidationException", 400),
        ({"FunctionVersion": "one"}, "ValidationException", 400),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"2": 1.5}}}, "ValidationException", 400),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"x": 0.5}}}, "ValidationException", 400),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}}}, "InvalidParameterValueException", 400),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"9": 0.1}}}, "ResourceNotFoundException", 404),
    ):
        assert refused(client.create_alias, **{**wish, **change})[:2] == (code, status), change
    assert client.list_aliases(FunctionName=aliased)["Aliases"] == []


def test_invocations_by_an_alias_are_divided_by_its_weights(client: Any, aliased: str) -> None:
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client.create_alias(FunctionName=aliased, Name="half", FunctionVersion="1", RoutingConfig=weights)
    counted: Counter[str] = Counter()
    for number in range(60):  # all of one version: once in 10^17
        name = {"FunctionName": f"{aliased}:half"} if number % 2 else {"FunctionName": aliased, "Qualifier": "half"}
        answer = client.invoke(**name)
        served = answer["ExecutedVersion"]
        assert json.loads(answer["Payload"].read()) == [served, served, f"{ARN}:half"]
        counted[served] += 1
    assert set(counted) == {"1", "2"}
    client.update_alias(FunctionName=aliased, Name="half", FunctionVersion="3", RoutingConfig={})
    assert client.invoke(FunctionName=aliased, Qualifier="half")["ExecutedVersion"] == "3"
    client.delete_alias(FunctionName=aliased, Name="half")
    assert refused(client.invoke, FunctionName=aliased, Qualifier="half")[:2] == ("ResourceNotFoundException", 404)


def test_a_function_is_shown_by_alias_and_its_version_stays_while_an_alias_points_there(
    client: Any, aliased: str
) -> None:
    client.create_alias(FunctionName=aliased, Name="show", FunctionVersion="2")
    for shown in (
        client.get_function(FunctionName=aliased, Qualifier="show")["Configuration"],
        client.get_function_configuration(FunctionName=f"{ARN}:show"),
    ):
        assert (shown["FunctionArn"], shown["Version"], shown["Timeout"]) == (f"{ARN}:show", "2", 21)
    assert refused(client.delete_function, FunctionName=aliased, Qualifier="2") == (
        "ResourceConflictException", 409,
        "Unable to delete version because the following aliases reference it: [show]",
    )  # fmt: skip
    client.delete_alias(FunctionName=aliased, Name="show")
