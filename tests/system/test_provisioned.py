"""Provisioned concurrency (API reference, section 9; execution reference, section 8), with boto3."""

import concurrent.futures
import json
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Ingle, zip_of

SOURCE = """
import os, time
def handler(event, context):
    if event == "die":
        os._exit(1)
    time.sleep(event or 0)
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], context.function_version, WHICH]
"""
AHEAD, NOW = "provisioned-concurrency", "on-demand"


@pytest.fixture(scope="module")
def name(ingle: Ingle) -> Iterator[str]:
    """A function with two versions, and the alias `live` of the first."""
    client, name = ingle.client(), "provisioned"
    ingle.deploy(name, {"app.py": SOURCE + "WHICH = 1\n"}, Timeout=30)
    client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    client.update_function_code(FunctionName=name, ZipFile=zip_of({"app.py": SOURCE + "WHICH = 2\n"}))
    client.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.02})
    client.publish_version(FunctionName=name)
    yield name
    client.delete_function(FunctionName=name)


def put(functions: Any, name: str, qualifier: str, units: int) -> dict[str, Any]:
    return dict(
        functions.put_provisioned_concurrency_config(
            FunctionName=name, Qualifier=qualifier, ProvisionedConcurrentExecutions=units
        )
    )


def wait_for(functions: Any, name: str, qualifier: str, status: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        shown = functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier=qualifier)
        if shown["Status"] == status:
            return dict(shown)
        assert time.monotonic() < deadline, shown
        time.sleep(0.03)


def environments(ingle: Ingle, name: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        return [one for one in json.loads(answer.read()) if one["function"] == name]


def test_the_number_is_initialised_ahead_spills_over_and_comes_back_after_a_crash(
    name: str, functions: Any, invoke: Any, ingle: Ingle
) -> None:
    before = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    made = put(functions, name, "1", 2)
    assert (made["Status"], made["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)
    ready = wait_for(functions, name, "1", "READY")
    assert ready["AvailableProvisionedConcurrentExecutions"] == ready["AllocatedProvisionedConcurrentExecutions"] == 2
    assert [one["invocations"] for one in environments(ingle, name)] == [0, 0]
    after = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert after == before - 2
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: invoke(name, 0.5, Qualifier="1").payload, range(3)))
    assert sorted(answers) == [[NOW, "1", 1], [AHEAD, "1", 1], [AHEAD, "1", 1]]
    assert invoke(name, "die", Qualifier="1").error == "Unhandled"
    wait_for(functions, name, "1", "READY")
    assert invoke(name, 0, Qualifier="1").payload[0] == AHEAD
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    with pytest.raises(functions.exceptions.ProvisionedConcurrencyConfigNotFoundException, match="No Provisioned"):
        functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")


def test_an_alias_takes_its_number_along_to_another_version(
    name: str, functions: Any, invoke: Any, ingle: Ingle
) -> None:
    put(functions, name, "live", 1)
    wait_for(functions, name, "live", "READY")
    assert invoke(name, 0, Qualifier="live").payload == [AHEAD, "1", 1]
    with pytest.raises(
        functions.exceptions.ResourceConflictException, match="pointed by a Provisioned Concurrency alias"
    ):
        put(functions, name, "1", 1)
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    wait_for(functions, name, "live", "READY")
    assert invoke(name, 0, Qualifier="live").payload == [AHEAD, "2", 2]
    (listed,) = functions.list_provisioned_concurrency_configs(FunctionName=name)["ProvisionedConcurrencyConfigs"]
    assert listed["FunctionArn"].endswith(f":{name}:live")
    assert (listed["Status"], listed["AvailableProvisionedConcurrentExecutions"]) == ("READY", 1)
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="live")
    put(functions, name, "2", 1)
    with pytest.raises(functions.exceptions.ResourceConflictException, match="already Provisioned version"):
        put(functions, name, "live", 1)
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="2")


def test_what_is_reserved_bounds_what_is_provisioned(name: str, functions: Any, invoke: Any) -> None:
    invalid = functions.exceptions.InvalidParameterValueException
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with pytest.raises(invalid, match="should not be greater than the reservedConcurrentExecution for function"):
        put(functions, name, "1", 2)
    put(functions, name, "1", 1)
    with pytest.raises(invalid, match=r"0 should not be lower than function's total provisioned concurrency \[1\]"):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):  # all of it is provisioned
        invoke(name, 0)
    wait_for(functions, name, "1", "READY")
    assert invoke(name, 0, Qualifier="1").payload[0] == AHEAD
    functions.delete_provisioned_concurrency_config(FunctionName=name, Qualifier="1")
    functions.delete_function_concurrency(FunctionName=name)


def test_what_cannot_be_provisioned_is_refused_in_lambdas_words(name: str, functions: Any) -> None:
    invalid, missing = (
        functions.exceptions.InvalidParameterValueException,
        functions.exceptions.ResourceNotFoundException,
    )
    with pytest.raises(invalid, match="cannot be applied to unpublished function versions"):
        put(functions, name, "$LATEST", 1)
    with pytest.raises(invalid, match="must be an alias or a published version"):
        functions.get_provisioned_concurrency_config(FunctionName=name, Qualifier="$LATEST")
    with pytest.raises(invalid, match=r"below its minimum value of \[100\]"):
        put(functions, name, "1", 950)
    with pytest.raises(missing, match="Cannot find alias arn"):
        put(functions, name, "nothing", 1)
    with pytest.raises(missing, match="Function not found"):
        put(functions, name, "77", 1)
    functions.update_alias(
        FunctionName=name, Name="live", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}}
    )
    with pytest.raises(invalid, match="Alias with weights can not be used"):
        put(functions, name, "live", 1)
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig={})


def test_an_init_that_fails_is_told_with_its_reason(deploy: Any, functions: Any) -> None:
    name = deploy("raise RuntimeError('no')\n")
    functions.publish_version(FunctionName=name)
    put(functions, name, "1", 1)
    failed = wait_for(functions, name, "1", "FAILED")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AvailableProvisionedConcurrentExecutions"] == 0
