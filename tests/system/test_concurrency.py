"""Reserved concurrency, with boto3."""

import concurrent.futures
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event or 0)\n    return event\n"


def test_reserved_concurrency_is_put_got_and_deleted(deploy: Any, functions: Any) -> None:
    name = deploy(SLEEPER)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)
    before = functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    put = functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=7)
    assert put["ReservedConcurrentExecutions"] == 7
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 7
    assert functions.get_function(FunctionName=name)["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == before - 7
    functions.delete_function_concurrency(FunctionName=name)
    assert "Concurrency" not in functions.get_function(FunctionName=name)


def test_a_hundred_stay_unreserved(deploy: Any, functions: Any) -> None:
    name = deploy(SLEEPER)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match=r"minimum value of \[100\]"):
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=950)


def test_reserved_zero_closes_and_one_serves_one_at_a_time(deploy: Any, invoke: Any, functions: Any) -> None:
    name = deploy(SLEEPER)
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        invoke(name)
    answer: Any = refused.value.response
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(invoke, name, 1.5)
        time.sleep(0.7)
        with pytest.raises(ClientError):
            invoke(name, 0)
        assert first.result().payload == 1.5
    functions.delete_function_concurrency(FunctionName=name)
    assert invoke(name, 0).payload == 0


def test_versions_have_no_reserved_concurrency_of_their_own(deploy: Any, functions: Any) -> None:
    name = deploy(SLEEPER)
    with pytest.raises(functions.exceptions.InvalidParameterValueException):
        functions.put_function_concurrency(FunctionName=f"{name}:1", ReservedConcurrentExecutions=1)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_concurrency(FunctionName="nobody")
