"""Rules on settings that the service model does not express (API reference, section 5)."""

import json
import re

from ingle.functions.errors import InvalidSettingError
from ingle.values import AWS_RUNTIMES

RESERVED_VARIABLES = frozenset(
    [
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
    ]
)
_VARIABLES_LIMIT_BYTES = 4096
_SNAP_START_EPHEMERAL_MIB = 512
_REMOVED = re.compile(
    r"nodejs(4\.3|6\.10|8\.10|10\.x|12\.x|14\.x)|python(2\.7|3\.6|3\.7)|ruby2\.[57]|dotnetcore.*|go1\.x|java8|provided|nodejs"
)


def check_variables(variables: dict[str, str]) -> None:
    """Raises InvalidSettingError for reserved names or more than 4 KB."""
    reserved = sorted(RESERVED_VARIABLES.intersection(variables))
    if reserved:
        raise InvalidSettingError(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            " provided contains reserved keys that are currently not supported for modification. Reserved keys used in"
            f" this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > _VARIABLES_LIMIT_BYTES:
        raise InvalidSettingError(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            f" provided exceeded the 4KB limit. String measured: {measured}"
        )


def check_snap_start(runtime: str, ephemeral_mib: int, *, is_per_tenant: bool) -> None:
    """Raises InvalidSettingError for what can't be had together with SnapStart (execution reference, section 11)."""
    if not runtime.startswith("python"):
        raise InvalidSettingError(f"{runtime} is not supported for SnapStart enabled functions.")
    if ephemeral_mib > _SNAP_START_EPHEMERAL_MIB:
        raise InvalidSettingError(
            f"SnapStart is not supported for functions with more than {_SNAP_START_EPHEMERAL_MIB} MB of ephemeral storage."
        )
    if is_per_tenant:
        raise InvalidSettingError("SnapStart is not supported for functions with tenant isolation.")


def check_runtime(runtime: str) -> None:
    """Raises InvalidSettingError for a runtime that AWS has removed or doesn't know.

    That a host lacks one is not the caller's mistake.
    """
    if _REMOVED.fullmatch(runtime):
        raise InvalidSettingError(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We"
            " recommend you use a supported runtime while creating or updating functions."
        )
    if runtime not in AWS_RUNTIMES:
        raise InvalidSettingError(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set:"
            f" [{', '.join(AWS_RUNTIMES)}] or be a valid ARN"
        )
