"""What the worker says in Lambda's place: error payloads, REPORT and INIT_START lines, environment variables."""

import json
import signal

import pytest

from ingle.environments import Assignment, VersionKey
from ingle.worker import error_payloads
from ingle.worker.invocation import init_start_line, report_line
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


def test_a_report_line_has_the_fields_of_lambdas_in_order() -> None:
    line = report_line(b"id", 1.234, 128, 30 << 20, None, b"")
    assert line == (
        b"REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
    )


def test_init_counts_into_what_is_billed_and_a_failure_comes_last() -> None:
    line = report_line(b"id", 10.0, 128, 999 << 20, 100.5, b"Status: timeout")
    assert b"Billed Duration: 111 ms" in line
    assert b"Max Memory Used: 128 MB" in line
    assert line.endswith(b"Init Duration: 100.50 ms\tStatus: timeout")


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [("python3.11", "python:3.11"), ("nodejs20.x", "nodejs:20"), ("provided.al2023", "provided:al2023")],
)
def test_an_init_start_line_names_the_runtime(runtime: str, shown: str) -> None:
    assert init_start_line(runtime) == f"INIT_START Runtime Version: {shown}".encode()


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


def test_an_assignment_never_shows_its_key_or_variables() -> None:
    assert "kkkk" not in repr(assignment(SECRET="s3cret"))
    assert "s3cret" not in repr(assignment(SECRET="s3cret"))
