"""The settings of asynchronous invocations, of recursion and of the runtime's versions, with boto3."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.system.test_functions_api import refused

NAME = "event-invoke"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
BUCKET = "arn:aws:s3:::bucket"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"


@pytest.fixture(scope="module", autouse=True)
def function(ingle: Any) -> Iterator[None]:
    """A function with a version 1 and an alias of it, whose events have settings."""
    client = ingle.client()
    ingle.deploy(NAME, {"app.py": ""}, Publish=True)
    client.create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    client.put_function_event_invoke_config(FunctionName=NAME, Qualifier="live", MaximumRetryAttempts=0)
    ingle.deploy(f"{NAME}-target", {"app.py": ""})
    yield
    for name in (NAME, f"{NAME}-target"):
        client.delete_function(FunctionName=name)


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    assert abs(answer["LastModified"].timestamp() - time.time()) < 60
    return {key: value for key, value in answer.items() if key not in ("ResponseMetadata", "LastModified")}


def test_put_replaces_update_merges_and_get_shows_what_is_set(functions: Any) -> None:
    put, got = functions.put_function_event_invoke_config, functions.get_function_event_invoke_config
    nothing: dict[str, Any] = {"OnSuccess": {}, "OnFailure": {}}
    made = put(FunctionName=NAME, MaximumRetryAttempts=0, MaximumEventAgeInSeconds=60)
    expected: dict[str, Any] = {
        "FunctionArn": f"{ARN}:$LATEST", "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": nothing,
    }  # fmt: skip
    assert shown(made) == shown(got(FunctionName=NAME)) == shown(got(FunctionName=ARN, Qualifier="$LATEST")) == expected
    target = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}-target"
    wanted = {"OnSuccess": {"Destination": target}, "OnFailure": {"Destination": f"{target}:$LATEST"}}
    changed = functions.update_function_event_invoke_config(FunctionName=NAME, DestinationConfig=wanted)
    assert shown(changed) == {**expected, "DestinationConfig": wanted}
    only = {"OnFailure": {"Destination": target}}
    functions.update_function_event_invoke_config(FunctionName=NAME, DestinationConfig=only)
    assert got(FunctionName=NAME)["DestinationConfig"] == {"OnSuccess": {}, **only}
    replaced = put(FunctionName=NAME, MaximumRetryAttempts=2)
    assert shown(replaced) == {
        "FunctionArn": f"{ARN}:$LATEST", "MaximumRetryAttempts": 2, "DestinationConfig": nothing,
    }  # fmt: skip


def test_each_qualifier_has_its_own_and_they_are_listed_page_by_page(functions: Any) -> None:
    for number, qualifier in enumerate(("1", "live", "$LATEST")):
        functions.put_function_event_invoke_config(FunctionName=f"{NAME}:{qualifier}", MaximumRetryAttempts=number)
    pages = list(
        functions.get_paginator("list_function_event_invoke_configs").paginate(
            FunctionName=NAME, PaginationConfig={"PageSize": 2}
        )
    )
    assert [len(page["FunctionEventInvokeConfigs"]) for page in pages] == [2, 1]
    listed = [one for page in pages for one in page["FunctionEventInvokeConfigs"]]
    assert {one["FunctionArn"].rpartition(":")[2]: one["MaximumRetryAttempts"] for one in listed} == {
        "1": 0, "live": 1, "$LATEST": 2,
    }  # fmt: skip
    done = functions.delete_function_event_invoke_config(FunctionName=NAME, Qualifier="1")
    assert done["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = ("ResourceNotFoundException", 404, f"The function {ARN}:1 doesn't have an EventInvokeConfig")
    for call in (functions.get_function_event_invoke_config, functions.delete_function_event_invoke_config):
        assert refused(call, FunctionName=NAME, Qualifier="1") == missing
    assert (
        refused(functions.update_function_event_invoke_config, FunctionName=f"{NAME}:1", MaximumRetryAttempts=1)
        == missing
    )


def test_what_belonged_to_an_alias_goes_with_it(functions: Any) -> None:
    functions.create_alias(FunctionName=NAME, Name="passing", FunctionVersion="1")
    functions.put_function_event_invoke_config(FunctionName=NAME, Qualifier="passing", MaximumRetryAttempts=1)
    functions.delete_alias(FunctionName=NAME, Name="passing")
    functions.create_alias(FunctionName=NAME, Name="passing", FunctionVersion="1")
    seen = refused(functions.get_function_event_invoke_config, FunctionName=NAME, Qualifier="passing")
    assert seen[0] == "ResourceNotFoundException"


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing": ({}, "InvalidParameterValueException", "You must specify at least one of error handling"),
    "retries": ({"MaximumRetryAttempts": 3}, "ValidationException", "less than or equal to 2"),
    "young": ({"MaximumEventAgeInSeconds": 59}, "ValidationException", "greater than or equal to 60"),
    "old": ({"MaximumEventAgeInSeconds": 21601}, "ValidationException", "less than or equal to 21600"),
    "no_arn": ({"DestinationConfig": {"OnSuccess": {"Destination": "q"}}}, "ValidationException", "onSuccess.destination"),
    "itself": (
        {"DestinationConfig": {"OnFailure": {"Destination": f"{ARN}:1"}}},
        "InvalidParameterValueException", "You can't specify the function as a destination for itself.",
    ),
    "no_function": (
        {"DestinationConfig": {"OnFailure": {"Destination": ARN.replace(NAME, "nobody")}}},
        "InvalidParameterValueException", f"The destination ARN {ARN.replace(NAME, 'nobody')} is invalid.",
    ),
    "bucket_for_success": (
        {"DestinationConfig": {"OnSuccess": {"Destination": BUCKET}, "OnFailure": {"Destination": QUEUE}}},
        "InvalidParameterValueException",
        "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination=arn:aws:s3:::bucket),"
        " onFailure=OnFailure(destination=arn:aws:sqs:us-east-1:000000000000:q)) is invalid.",
    ),
    "service": (
        {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:ec2:us-east-1:000000000000:x"}}},
        "InvalidParameterValueException",
        "DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=arn:aws:ec2:us-east-1:000000000000:x))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_settings_of_events_that_break_a_rule_are_refused(case: str, functions: Any) -> None:
    wishes, code, text = REFUSED[case]
    for call in (functions.put_function_event_invoke_config, functions.update_function_event_invoke_config):
        seen = refused(call, FunctionName=f"{NAME}:live", **wishes)
        assert seen[:2] == (code, 400)
        assert text in seen[2]


def test_settings_of_events_are_for_functions_and_qualifiers_that_exist(functions: Any) -> None:
    missing = ("ResourceNotFoundException", 404, "The function doesn't exist.")
    put, listed = functions.put_function_event_invoke_config, functions.list_function_event_invoke_configs
    assert refused(put, FunctionName="nobody", MaximumRetryAttempts=1) == missing
    assert refused(put, FunctionName=NAME, Qualifier="9", MaximumRetryAttempts=1) == missing
    assert refused(listed, FunctionName="nobody") == missing
    seen = refused(functions.get_function_event_invoke_config, FunctionName="nobody")
    assert seen[2].endswith("function:nobody:$LATEST doesn't have an EventInvokeConfig")


def test_recursion_is_terminated_unless_it_is_allowed(functions: Any) -> None:
    put, get = functions.put_function_recursion_config, functions.get_function_recursion_config
    assert get(FunctionName=NAME)["RecursiveLoop"] == "Terminate"
    assert put(FunctionName=ARN, RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    assert get(FunctionName=NAME)["RecursiveLoop"] == "Allow"
    put(FunctionName=NAME, RecursiveLoop="Terminate")
    assert refused(put, FunctionName=NAME, RecursiveLoop="Perhaps")[0] == "ValidationException"
    assert refused(put, FunctionName=f"{NAME}:1", RecursiveLoop="Allow")[:2] == ("ValidationException", 400)
    assert refused(get, FunctionName="nobody")[:2] == ("ResourceNotFoundException", 404)


def test_the_choice_of_a_runtimes_version_is_kept_for_each_version(functions: Any) -> None:
    put, get = functions.put_runtime_management_config, functions.get_runtime_management_config
    runtime = "arn:aws:lambda:us-east-1::runtime:" + "0" * 64
    assert shown_runtime(get(FunctionName=NAME)) == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}:$LATEST"}
    manual = {"UpdateRuntimeOn": "Manual", "FunctionArn": f"{ARN}:1", "RuntimeVersionArn": runtime}
    made = put(FunctionName=NAME, Qualifier="1", UpdateRuntimeOn="Manual", RuntimeVersionArn=runtime)
    assert shown_runtime(made) == shown_runtime(get(FunctionName=f"{NAME}:1")) == manual
    put(FunctionName=NAME, UpdateRuntimeOn="FunctionUpdate")
    assert get(FunctionName=NAME, Qualifier="$LATEST")["UpdateRuntimeOn"] == "FunctionUpdate"
    for wrong in ({"UpdateRuntimeOn": "Manual"}, {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": runtime}):
        assert refused(put, FunctionName=NAME, **wrong)[:2] == ("InvalidParameterValueException", 400)
    for qualifier in ("9", "live"):
        assert refused(get, FunctionName=NAME, Qualifier=qualifier)[:2] == ("ResourceNotFoundException", 404)


def shown_runtime(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}
