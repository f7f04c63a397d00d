"""The platform's lines in both formats, against the examples of the execution reference."""

import json
from typing import Any

import msgspec
import pytest
from assignments import sample_assignment

from ingle.environments import ON_DEMAND, PROVISIONED
from ingle.values import runtime_version_arn
from ingle.worker.journal.platform_events import (
    SUCCESS,
    TIMEOUT,
    ExtensionStatus,
    Fault,
    InitReport,
    InitRuntimeDone,
    InitStart,
    JsonLines,
    LogsDropped,
    Outcome,
    PlatformEvent,
    Report,
    RuntimeDone,
    Span,
    Start,
    Subscribed,
    failed,
    render_text,
    renderer_for,
    runtime_version,
)

ASSIGNMENT = sample_assignment()
NOW_MS = 1_700_000_000_123
EXITED = failed("Runtime.ExitError")
RAISED = failed("Function.Unknown")
TRACE = "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"


def report(*, init_ms: float | None = None, outcome: Outcome = SUCCESS, used_bytes: int = 30 << 20) -> Report:
    return Report(
        request_id="id", duration_ms=1.2344, memory_mib=128, used_bytes=used_bytes, init_ms=init_ms, outcome=outcome
    )


def done(outcome: Outcome = SUCCESS) -> RuntimeDone:
    return RuntimeDone(request_id="id", outcome=outcome, duration_ms=1.2344, produced_bytes=7)


def init_report(outcome: Outcome) -> InitReport:
    return InitReport(initialization_type=ON_DEMAND, phase="init", outcome=outcome, duration_ms=1.0)


def in_json(event: PlatformEvent) -> dict[str, Any]:
    (line,) = JsonLines("DEBUG")(event, NOW_MS)
    return dict(json.loads(line))


def told(level: str, *events: PlatformEvent) -> list[str]:
    lines = JsonLines(level)
    return [json.loads(line)["type"].removeprefix("platform.") for event in events for line in lines(event, NOW_MS)]


def test_a_report_in_text_has_the_fields_of_lambdas_in_order() -> None:
    assert render_text(report(), NOW_MS) == [
        b"END RequestId: id",
        b"REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t",
    ]


def test_init_counts_into_what_is_billed_and_a_failure_comes_last() -> None:
    _, line = render_text(report(init_ms=100.5, outcome=TIMEOUT, used_bytes=999 << 20), NOW_MS)
    assert b"Billed Duration: 102 ms" in line
    assert b"Max Memory Used: 128 MB" in line
    assert line.endswith(b"Init Duration: 100.50 ms\tStatus: timeout")


@pytest.mark.parametrize(
    ("runtime", "shown"),
    [
        ("python3.11", "python:3.11.v1"),
        ("nodejs20.x", "nodejs:20.v1"),
        ("provided.al2023", "provided:al2023.v1"),
    ],
)
def test_init_start_names_the_runtime(runtime: str, shown: str) -> None:
    assert runtime_version(runtime) == shown
    chosen = InitStart(assignment=msgspec.structs.replace(ASSIGNMENT, runtime=runtime))
    arn = runtime_version_arn(ASSIGNMENT.version.region, runtime)
    line = f"INIT_START Runtime Version: {shown}\tRuntime Version ARN: {arn}"
    assert [told.rstrip(b"\n") for told in render_text(chosen, NOW_MS)] == [line.encode()]


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (Start(request_id="id", version="$LATEST"), ["START RequestId: id Version: $LATEST"]),
        (done(), []),
        (init_report(SUCCESS), []),
        (msgspec.structs.replace(init_report(SUCCESS), initialization_type=PROVISIONED), ["INIT_REPORT Init Duration: 1.00 ms\tPhase: init\t"]),
        (init_report(EXITED), [
            "INIT_REPORT Init Duration: 1.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError",
        ]),
        (Fault(request_id="id", reason="exit status 1"), ["RequestId: id Error: exit status 1"]),
        (ExtensionStatus(name="x.sh", state="Ready", events=["INVOKE", "SHUTDOWN"]), [
            "EXTENSION\tName: x.sh\tState: Ready\tEvents: [INVOKE,SHUTDOWN]",
        ]),
        (ExtensionStatus(name="x.sh", state="Started", events=[], error_type="Extension.Crash"), [
            "EXTENSION\tName: x.sh\tState: Started\tEvents: []\tError Type: Extension.Crash",
        ]),
        (Subscribed(name="x", types=["platform", "function"]), [
            "TELEMETRY\tName: x\tState: Subscribed\tTypes: [Platform, Function]",
        ]),
        (Subscribed(name="x", types=["function"], to_logs_api=True), [
            "LOGS\tName: x\tState: Subscribed\tTypes: [Function]",
        ]),
        (LogsDropped(reason="r", records=3, size_bytes=9), ["LOGS_DROPPED Events: 3\tReason: r"]),
    ],
)  # fmt: skip
def test_an_event_in_text(event: PlatformEvent, lines: list[str]) -> None:
    assert render_text(event, NOW_MS) == [line.encode() for line in lines]


def test_the_format_is_the_functions_own() -> None:
    assert renderer_for(ASSIGNMENT) is render_text
    chosen = msgspec.structs.replace(ASSIGNMENT, log_format="JSON", system_log_level="INFO")
    assert isinstance(renderer_for(chosen), JsonLines)


def test_start_in_json_is_the_telemetry_apis_object() -> None:
    assert in_json(Start(request_id="id", version="$LATEST", trace_id=TRACE)) == {
        "time": "2023-11-14T22:13:20.123Z",
        "type": "platform.start",
        "record": {
            "requestId": "id",
            "version": "$LATEST",
            "tracing": {"spanId": "0efbd19962d95b05", "type": "X-Amzn-Trace-Id", "value": TRACE},
        },
    }


def test_report_in_json_has_its_metrics() -> None:
    made = in_json(report(init_ms=100.5))
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


def test_what_the_runtime_has_done_has_its_size_and_spans() -> None:
    span = Span("responseLatency", NOW_MS, 23.02)
    made = RuntimeDone(request_id="id", outcome=SUCCESS, duration_ms=140.0, produced_bytes=16, spans=[span])
    assert in_json(made)["record"] == {
        "requestId": "id",
        "status": "success",
        "metrics": {"durationMs": 140.0, "producedBytes": 16},
        "spans": [{"name": "responseLatency", "start": "2023-11-14T22:13:20.123Z", "durationMs": 23.02}],
    }


@pytest.mark.parametrize(
    ("outcome", "status", "error_type"),
    [
        (TIMEOUT, "timeout", None),
        (EXITED, "failure", "Runtime.ExitError"),
        (failed("Extension.Crash"), "failure", "Extension.Crash"),
        (RAISED, "error", "Function.Unknown"),
    ],
)
def test_a_failure_has_its_status_and_type(outcome: Outcome, status: str, error_type: str | None) -> None:
    for event in (report(outcome=outcome), done(outcome)):
        record = in_json(event)["record"]
        assert (record["status"], record.get("errorType")) == (status, error_type)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("DEBUG", ["initStart", "initRuntimeDone", "initReport", "start", "runtimeDone", "report"]),
        ("INFO", ["initStart", "start", "report"]),
        ("WARN", []),
    ],
)
def test_the_system_log_level_leaves_out_what_is_below_it(level: str, expected: list[str]) -> None:
    events: list[PlatformEvent] = [
        InitStart(assignment=ASSIGNMENT), InitRuntimeDone(initialization_type=ON_DEMAND, phase="init", outcome=SUCCESS), init_report(SUCCESS),
        Start(request_id="id", version="1"), done(), report(),
    ]  # fmt: skip
    assert told(level, *events) == expected


def test_failures_pass_the_level_warn() -> None:
    assert told("WARN", done(EXITED), report(outcome=EXITED), init_report(TIMEOUT)) == [
        "runtimeDone", "report", "initReport",
    ]  # fmt: skip
