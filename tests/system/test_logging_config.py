"""LoggingConfig: told, kept, changed, and seen by the function and in its log."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.system.test_logs import wait_for_events

ENVIRONMENT = "import os\ndef handler(e, c):\n    return {n: v for n, v in os.environ.items() if n.endswith(('LOG_FORMAT', 'LOG_LEVEL'))}\n"
JSON = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "DEBUG"}


def logging_of(functions: Any, name: str) -> dict[str, str]:
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    return dict(functions.get_function_configuration(FunctionName=name)["LoggingConfig"])


def change(functions: Any, name: str, **wish: str) -> dict[str, str]:
    functions.update_function_configuration(FunctionName=name, LoggingConfig=wish)
    return logging_of(functions, name)


def test_logging_config_is_shown_kept_and_changed(deploy: Any, functions: Any) -> None:
    name = deploy(ENVIRONMENT)
    group = {"LogGroup": f"/aws/lambda/{name}"}
    assert logging_of(functions, name) == {"LogFormat": "Text", **group}
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"}
    assert change(functions, name, LogFormat="JSON") == {"LogFormat": "JSON", **levels, **group}
    assert change(functions, name, SystemLogLevel="WARN")["SystemLogLevel"] == "WARN"
    functions.update_function_configuration(FunctionName=name, Timeout=9)
    assert logging_of(functions, name) == {"LogFormat": "JSON", **levels, "SystemLogLevel": "WARN", **group}
    functions.publish_version(FunctionName=name)
    assert change(functions, name, LogFormat="Text", LogGroup="/mine/own") == {
        "LogFormat": "Text",
        "LogGroup": "/mine/own",
    }
    published = functions.get_function_configuration(FunctionName=name, Qualifier="1")["LoggingConfig"]
    assert published["SystemLogLevel"] == "WARN"


def test_levels_without_json_are_refused(deploy: Any, functions: Any) -> None:
    name = deploy(ENVIRONMENT)
    for wish in ({"ApplicationLogLevel": "INFO"}, {"LogFormat": "Text", "SystemLogLevel": "INFO"}):
        with pytest.raises(ClientError) as refused:
            functions.update_function_configuration(FunctionName=name, LoggingConfig=wish)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_json_reaches_the_function_and_the_platforms_lines(deploy: Any, invoke: Any, logs: Any) -> None:
    name = deploy(ENVIRONMENT, LoggingConfig=JSON)
    assert invoke(name).payload == {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "WARN"}
    events = wait_for_events(logs, f"/aws/lambda/{name}", 6)
    told = [json.loads(event["message"]) for event in events]
    assert [one["type"] for one in told] == [
        "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.start",
        "platform.runtimeDone", "platform.report",
    ]  # fmt: skip
    assert told[-1]["record"]["metrics"]["memorySizeMB"] == 128
    assert told[-1]["record"]["metrics"]["initDurationMs"] > 0


def test_the_system_log_level_quietens_the_platform(deploy: Any, invoke: Any, logs: Any) -> None:
    source = "import os\ndef handler(e, c):\n    print('said')\n    return os._exit(1) if e else None\n"
    name = deploy(source, LoggingConfig={**JSON, "SystemLogLevel": "WARN"})
    invoke(name, 0)
    assert invoke(name, 1).error == "Unhandled"
    messages = [event["message"].rstrip() for event in wait_for_events(logs, f"/aws/lambda/{name}", 5)]
    assert messages[:2] == ["said", "said"]
    told = [json.loads(message) for message in messages if message.startswith("{")]
    assert [one["type"] for one in told] == ["platform.runtimeDone", "platform.report"]
    assert {one["record"]["errorType"] for one in told} == {"Runtime.ExitError"}
