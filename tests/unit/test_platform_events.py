"""The platform's lines in both formats, against the examples of the execution reference."""

import json
from typing import Any

import msgspec
import pytest

from ingle.environments import ON_DEMAND, Assignment, VersionKey
from ingle.worker.platform_events import JsonLines, Report, TextLines, lines_for, render_time, runtime_version

ASSIGNMENT = Assignment(
    version=VersionKey(account="000000000000", region="eu-west-1", function="f", version="3", revision="r"),
    runtime="python3.11", handler="app.handler", timeout_s=3, memory_mib=256, ephemeral_mib=512, environment={},
    log_group="/aws/lambda/f", manifest=b"", data_key=b"k" * 32, context={}, expires_at_ms=0,
)  # fmt: skip
NOW_MS = 1_700_000_000_123
EXITED = b"Status: error\tError Type: Runtime.ExitError"
RAISED = b"Status: error\tError Type: Function.Unknown"


def report(*, init_ms: float | None = None, failure: bytes = b"", used_bytes: int = 30 << 20) -> Report:
    return Report(
        request_id=b"id", duration_ms=1.2344, memory_mib=128, used_bytes=used_bytes, init_ms=init_ms, failure=failure
    )


def one(lines: list[bytes]) -> dict[str, Any]:
    (line,) = lines
    return dict(json.loads(line))


def test_a_report_in_text_has_the_fields_of_lambdas_in_order() -> None:
    assert TextLines().report(report(), NOW_MS) == [
        b"REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"
    ]


def test_init_counts_into_what_is_billed_and_a_failure_comes_last() -> None:
    (line,) = TextLines().report(report(init_ms=100.5, failure=b"Status: timeout", used_bytes=999 << 20), NOW_MS)
    assert b"Billed Duration: 102 ms" in line
    assert b"Max Memory Used: 128 MB" in line
    assert line.endswith(b"Init Duration: 100.50 ms\tStatus: timeout")


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [("python3.11", "python:3.11"), ("nodejs20.x", "nodejs:20"), ("provided.al2023", "provided:al2023")],
)
def test_init_start_names_the_runtime(runtime: str, shown: str) -> None:
    assert runtime_version(runtime) == shown
    chosen = msgspec.structs.replace(ASSIGNMENT, runtime=runtime)
    assert TextLines().init_start(chosen, NOW_MS) == [f"INIT_START Runtime Version: {shown}".encode()]


def test_start_and_end_in_text() -> None:
    assert TextLines().start(b"id", "$LATEST", NOW_MS) == [b"START RequestId: id Version: $LATEST"]
    assert TextLines().runtime_done(report(), NOW_MS) == [b"END RequestId: id"]


def test_the_format_is_the_functions_own() -> None:
    assert isinstance(lines_for(ASSIGNMENT), TextLines)
    chosen = msgspec.structs.replace(ASSIGNMENT, log_format="JSON", system_log_level="INFO")
    assert isinstance(lines_for(chosen), JsonLines)


def test_start_in_json_is_the_telemetry_apis_object() -> None:
    assert one(JsonLines("INFO", ON_DEMAND).start(b"id", "$LATEST", NOW_MS)) == {
        "time": "2023-11-14T22:13:20.123Z",
        "type": "platform.start",
        "record": {"requestId": "id", "version": "$LATEST"},
    }
    assert render_time(NOW_MS - 123) == "2023-11-14T22:13:20.000Z"


def test_report_in_json_has_its_metrics() -> None:
    made = one(JsonLines("INFO", ON_DEMAND).report(report(init_ms=100.5), NOW_MS))
    assert (made["type"], made["record"]) == (
        "platform.report",
        {
            "requestId": "id",
            "status": "success",
            "metrics": {
                "durationMs": 1.234, "billedDurationMs": 102, "memorySizeMB": 128, "maxMemoryUsedMB": 30,
                "initDurationMs": 100.5,
            },
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failure", "status", "error_type"),
    [
        (b"Status: timeout", "timeout", None),
        (EXITED, "failure", "Runtime.ExitError"),
        (RAISED, "error", "Function.Unknown"),
    ],
)
def test_a_failure_has_its_status_and_type(failure: bytes, status: str, error_type: str | None) -> None:
    for event in (JsonLines("INFO", ON_DEMAND).report, JsonLines("INFO", ON_DEMAND).runtime_done):
        record = one(event(report(failure=failure), NOW_MS))["record"]
        assert (record["status"], record.get("errorType")) == (status, error_type)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", ["initStart", "start", "runtimeDone", "report", "initReport"]),
        ("INFO", ["initStart", "start", "report"]),
        ("WARN", []),
    ],
)
def test_the_system_log_level_leaves_out_what_is_below_it(level: str, expected: list[str]) -> None:
    lines = JsonLines(level, ON_DEMAND)
    told = [
        *lines.init_start(ASSIGNMENT, NOW_MS), *lines.start(b"id", "1", NOW_MS), *lines.runtime_done(report(), NOW_MS),
        *lines.report(report(), NOW_MS), *lines.init_report("init", 1.0, b"", NOW_MS),
    ]  # fmt: skip
    assert [json.loads(line)["type"] for line in told] == [f"platform.{name}" for name in expected]


def test_failures_pass_the_level_warn() -> None:
    lines = JsonLines("WARN", ON_DEMAND)
    told = [
        *lines.runtime_done(report(failure=EXITED), NOW_MS), *lines.report(report(failure=EXITED), NOW_MS),
        *lines.init_report("init", 1.0, b"Status: timeout", NOW_MS),
    ]  # fmt: skip
    assert [json.loads(line)["type"] for line in told] == [
        "platform.runtimeDone", "platform.report", "platform.initReport",
    ]  # fmt: skip
