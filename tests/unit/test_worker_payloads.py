"""What the worker says in Lambda's place: error payloads and environment variables."""

import json
import signal

import msgspec
import pytest

from ingle.environments import Assignment, VersionKey
from ingle.worker import error_payloads
from ingle.worker.variables import variables_for

KEY = VersionKey(account="000000000000", region="eu-west-1", function="f", version="3", revision="r")


def assignment(**environment: str) -> Assignment:
    return Assignment(
        version=KEY, runtime="python3.11", handler="app.handler", timeout_s=3, memory_mib=256, ephemeral_mib=512,
        environment=environment, log_group="/aws/lambda/f", manifest=b"", data_key=b"k" * 32, context={},
        expires_at_ms=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, "Runtime exited without providing a reason"),
        (3 << 8, "Runtime exited with error: exit status 3"),
        (signal.SIGSEGV, "Runtime exited with error: signal: segmentation fault"),
        (signal.SIGKILL, "Runtime exited with error: signal: killed"),
        (signal.SIGSYS, "Runtime exited with error: signal: bad system call"),
        (60, "Runtime exited with error: signal: signal 60"),
    ],
)
def test_an_exit_is_told_as_lambda_tells_it(status: int, reason: str) -> None:
    told = json.loads(error_payloads.exited("id", status, out_of_memory=False))
    assert told == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: id Error: {reason}"}


def test_a_timeout_names_its_seconds_with_two_decimals() -> None:
    told = json.loads(error_payloads.timed_out("id", 3))
    assert told == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: id Error: Task timed out after 3.00 seconds",
    }


def test_an_oversize_response_names_the_limit() -> None:
    assert json.loads(error_payloads.too_large()) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }


def test_the_functions_variables_override_what_lambda_lets_them() -> None:
    made = variables_for(assignment(TZ="Europe/Berlin", MINE="1", AWS_REGION="mars"), "stream")
    assert (made["TZ"], made["MINE"], made["AWS_REGION"]) == ("Europe/Berlin", "1", "eu-west-1")


def test_lambdas_own_variables_are_all_there() -> None:
    made = variables_for(assignment(), "stream")
    expected = {
        "_HANDLER": "app.handler", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC", "LANG": "en_US.UTF-8",
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected


def test_json_logging_is_told_to_the_runtime_and_cannot_be_contradicted() -> None:
    assert not [name for name in variables_for(assignment(), "stream") if name.startswith("AWS_LAMBDA_LOG_LEVEL")]
    chosen = assignment(AWS_LAMBDA_LOG_LEVEL="TRACE")
    made = variables_for(
        msgspec.structs.replace(chosen, log_format="JSON", application_log_level="WARN", system_log_level="INFO"),
        "stream",
    )
    assert (made["AWS_LAMBDA_LOG_FORMAT"], made["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")


def test_the_x_ray_variables_name_a_daemon_and_what_to_do_without_a_context() -> None:
    made = variables_for(assignment(), "stream")
    assert made["AWS_XRAY_CONTEXT_MISSING"] == "LOG_ERROR"
    assert made["AWS_XRAY_DAEMON_ADDRESS"] == f"{made['_AWS_XRAY_DAEMON_ADDRESS']}:{made['_AWS_XRAY_DAEMON_PORT']}"


def test_an_assignment_never_shows_its_key_or_variables() -> None:
    assert "kkkk" not in repr(assignment(SECRET="s3cret"))
    assert "s3cret" not in repr(assignment(SECRET="s3cret"))
