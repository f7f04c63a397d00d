"""The environment variables that a function finds (execution reference, section 2)."""

from ingle.environments import SNAP_START, Assignment
from ingle.worker.apis import role_credentials

_XRAY = "169.254.100.1"
_RUNTIME_API = "169.254.100.1:9001"
_ON_AL2023 = 12
"""The first Python 3 whose runtime Lambda has on Amazon Linux 2023, where the interpreter corrects its locale."""
_CREDENTIALS_API = "127.0.0.1:9001"
"""The same, by the only kind of address that SDKs take credentials from without TLS."""


def variables_for(assignment: Assignment, log_stream: str, credentials_token: str) -> dict[str, str]:
    """Return Lambda's own variables, overlaid by the function's where these may be.

    `credentials_token` is what the container credentials endpoint asks for.
    """
    key = assignment.version
    overridable = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
        "LD_LIBRARY_PATH": "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{_XRAY}:2000",
    }
    if assignment.runtime.startswith("python"):
        overridable["PYTHONPATH"] = "/var/runtime"
        if int(assignment.runtime.removeprefix("python3.")) >= _ON_AL2023:
            overridable["LC_CTYPE"] = "C.UTF-8"
    if assignment.runtime.startswith("nodejs"):
        major = assignment.runtime.removesuffix(".x")[-2:]
        layers = f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules"
        overridable["NODE_PATH"] = f"{layers}:/var/runtime/node_modules:/var/runtime:/var/task"
    reserved = {
        "_HANDLER": assignment.handler,
        "AWS_REGION": key.region,
        "AWS_DEFAULT_REGION": key.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{assignment.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": key.function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(assignment.memory_mib),
        "AWS_LAMBDA_FUNCTION_VERSION": key.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": assignment.initialization_type,
        "AWS_LAMBDA_RUNTIME_API": _RUNTIME_API,
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "_AWS_XRAY_DAEMON_ADDRESS": _XRAY,
        "_AWS_XRAY_DAEMON_PORT": "2000",
        "PWD": "/var/task",
        "SHLVL": "0",
    }
    if assignment.initialization_type != SNAP_START:  # which has none (Lambda developer guide, "Environment variables")
        reserved["AWS_LAMBDA_LOG_GROUP_NAME"] = assignment.log_group
        reserved["AWS_LAMBDA_LOG_STREAM_NAME"] = log_stream
    if assignment.log_format == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = assignment.application_log_level
    return {**overridable, **assignment.environment, **reserved, **_credentials(assignment, credentials_token)}


def _credentials(assignment: Assignment, token: str) -> dict[str, str]:
    if assignment.initialization_type == SNAP_START or assignment.has_template:
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{_CREDENTIALS_API}{role_credentials.PATH.decode()}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": token,
        }
    return {
        "AWS_ACCESS_KEY_ID": assignment.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": assignment.credentials.secret_access_key,
        "AWS_SESSION_TOKEN": assignment.credentials.session_token,
    }


_RUNTIMES_OWN = frozenset(
    {
        "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING",
        "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    }
)  # fmt: skip
_RUNTIMES_PATHS = frozenset({"PYTHONPATH", "NODE_PATH"})


def extension_variables_for(assignment: Assignment, variables: dict[str, str]) -> dict[str, str]:
    """Return what external extensions find of the function's variables (Lambda developer guide, "Extensions API").

    Where a runtime looks for its modules is nothing to them, unless the function says so itself.
    """
    left_out = _RUNTIMES_OWN | (_RUNTIMES_PATHS - assignment.environment.keys())
    return {name: value for name, value in variables.items() if name not in left_out and not name.startswith("_")}
