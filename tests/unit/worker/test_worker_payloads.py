"""What the worker says in Lambda's place: error payloads and environment variables."""

import json
import signal

import msgspec
import pytest
from assignments import CREDENTIALS, sample_assignment

from ingle.environments import SNAP_START, Assignment
from ingle.worker.apis import error_payloads
from ingle.worker.host.variables import variables_for


def assignment(**environment: str) -> Assignment:
    return sample_assignment(environment=environment)


def variables(given: Assignment) -> dict[str, str]:
    return variables_for(given, "stream", "token")


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
    reason_given = error_payloads.exit_reason(status, out_of_memory=False)
    told = json.loads(error_payloads.ended("Runtime.ExitError", "id", reason_given))
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
    made = variables(assignment(TZ="Europe/Berlin", MINE="1", AWS_REGION="mars"))
    assert (made["TZ"], made["MINE"], made["AWS_REGION"]) == ("Europe/Berlin", "1", "eu-west-1")


def test_lambdas_own_variables_are_all_there() -> None:
    made = variables(assignment())
    expected = {
        "_HANDLER": "app.handler", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_VERSION": "3",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC", "LANG": "en_US.UTF-8",
    }  # fmt: skip
    assert {name: made[name] for name in expected} == expected


def test_json_logging_is_told_to_the_runtime_and_cannot_be_contradicted() -> None:
    assert not [name for name in variables(assignment()) if name.startswith("AWS_LAMBDA_LOG_LEVEL")]
    chosen = assignment(AWS_LAMBDA_LOG_LEVEL="TRACE")
    made = variables(
        msgspec.structs.replace(chosen, log_format="JSON", application_log_level="WARN", system_log_level="INFO")
    )
    assert (made["AWS_LAMBDA_LOG_FORMAT"], made["AWS_LAMBDA_LOG_LEVEL"]) == ("JSON", "WARN")


def test_the_x_ray_variables_name_a_daemon_and_what_to_do_without_a_context() -> None:
    made = variables(assignment())
    assert made["AWS_XRAY_CONTEXT_MISSING"] == "LOG_ERROR"
    assert made["AWS_XRAY_DAEMON_ADDRESS"] == f"{made['_AWS_XRAY_DAEMON_ADDRESS']}:{made['_AWS_XRAY_DAEMON_PORT']}"


def test_a_function_has_its_roles_credentials_and_a_snapshot_has_none() -> None:
    given = variables(assignment(AWS_SESSION_TOKEN="mine"))
    assert given["AWS_ACCESS_KEY_ID"] == CREDENTIALS.access_key_id
    assert given["AWS_SECRET_ACCESS_KEY"] == CREDENTIALS.secret_access_key
    assert given["AWS_SESSION_TOKEN"] == CREDENTIALS.session_token
    parked = variables(msgspec.structs.replace(assignment(), initialization_type=SNAP_START))
    assert CREDENTIALS.secret_access_key not in parked.values()
    assert parked["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:9001/2021-04-23/credentials"
    assert parked["AWS_CONTAINER_AUTHORIZATION_TOKEN"] == "token"
    assert not {"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"} & parked.keys()


def test_an_assignment_never_shows_its_key_or_variables() -> None:
    assert "kkkk" not in repr(assignment(SECRET="s3cret"))
    assert "s3cret" not in repr(assignment(SECRET="s3cret"))
    assert "s3cret" not in repr(CREDENTIALS)
    assert "t0ken" not in repr(CREDENTIALS)
