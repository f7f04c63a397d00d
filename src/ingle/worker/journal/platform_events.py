"""What the platform tells of an environment: each event once, as text lines and as a record of the Telemetry API.

Sources: execution reference, sections 5 and 6; Lambda developer guide, "Telemetry API event schema reference". The events
are values; `render_text` and `JsonLines` make lines of the function's log of them.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from ingle.environments import ON_DEMAND, Assignment
from ingle.values import iso_time, runtime_version_arn

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_ENDS = frozenset({"Runtime.ExitError", "Extension.ExitError", "Extension.Crash"})


class Outcome(msgspec.Struct, frozen=True):
    """How something ended: `success`, `timeout` or `error`, and what kind of error."""

    status: str = "success"
    error_type: str = ""

    @property
    def is_failure(self) -> bool:
        return self.status != "success"

    def text(self) -> str:
        """Return it as REPORT shows it, empty for a success."""
        if not self.is_failure:
            return ""
        return f"Status: {self.status}" + (f"\tError Type: {self.error_type}" if self.error_type else "")

    def record(self) -> dict[str, str]:
        """Return status and error type; what ended by itself has the status failure, what its handler raised error."""
        status = "failure" if self.error_type in _ENDS else self.status
        return {"status": status, **({"errorType": self.error_type} if self.error_type else {})}


SUCCESS = Outcome()
TIMEOUT = Outcome("timeout")


def failed(error_type: str) -> Outcome:
    return Outcome("error", error_type)


class Span(msgspec.Struct, frozen=True):
    """A part of an invocation's time."""

    name: str
    start_ms: float
    duration_ms: float

    def record(self) -> dict[str, Any]:
        start = iso_time(int(self.start_ms))
        return {"name": self.name, "start": start, "durationMs": round(self.duration_ms, 3)}


class PlatformEvent(Protocol):
    """One event: its name and record in the Telemetry API, its lines in a log of text, and how loud it is."""

    @property
    def kind(self) -> str: ...

    @property
    def level(self) -> str: ...

    def text(self) -> Sequence[str]:
        """Return its lines in a log of text, which leaves some events out."""
        ...

    def record(self) -> Any: ...


class InitStart(msgspec.Struct, frozen=True, kw_only=True):
    """Init begins."""

    kind: ClassVar[str] = "platform.initStart"
    level: ClassVar[str] = "INFO"
    assignment: Assignment
    phase: str = "init"

    def text(self) -> Sequence[str]:
        return ("INIT_START " + _runtime_told(self.assignment),)

    def record(self) -> dict[str, Any]:
        return {
            "initializationType": self.assignment.initialization_type,
            "phase": self.phase,
            "runtimeVersion": runtime_version(self.assignment.runtime),
            "runtimeVersionArn": runtime_version_arn(self.assignment.version.region, self.assignment.runtime),
            "functionName": self.assignment.version.function,
            "functionVersion": self.assignment.version.version,
        }


class InitRuntimeDone(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime has done its part of init."""

    kind: ClassVar[str] = "platform.initRuntimeDone"
    initialization_type: str
    phase: str
    outcome: Outcome

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "DEBUG"

    def text(self) -> Sequence[str]:
        return ()

    def record(self) -> dict[str, Any]:
        return {"initializationType": self.initialization_type, "phase": self.phase, **self.outcome.record()}


class InitReport(msgspec.Struct, frozen=True, kw_only=True):
    """Init has ended; text tells only of one that failed, or that was ahead of any invocation."""

    kind: ClassVar[str] = "platform.initReport"
    initialization_type: str
    phase: str
    outcome: Outcome
    duration_ms: float

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "DEBUG" if self.initialization_type == ON_DEMAND else "INFO"

    def text(self) -> Sequence[str]:
        if self.initialization_type == ON_DEMAND and not self.outcome.is_failure:
            return ()
        return (f"INIT_REPORT Init Duration: {self.duration_ms:.2f} ms\tPhase: {self.phase}\t{self.outcome.text()}",)

    def record(self) -> dict[str, Any]:
        return {
            "initializationType": self.initialization_type,
            "phase": self.phase,
            **self.outcome.record(),
            "metrics": {"durationMs": round(self.duration_ms, 3)},
        }


class RestoreStart(msgspec.Struct, frozen=True, kw_only=True):
    """An environment begins as a copy of a version's template (SnapStart)."""

    kind: ClassVar[str] = "platform.restoreStart"
    level: ClassVar[str] = "INFO"
    assignment: Assignment

    def text(self) -> Sequence[str]:
        return ("RESTORE_START " + _runtime_told(self.assignment),)

    def record(self) -> dict[str, Any]:
        return {
            "runtimeVersion": runtime_version(self.assignment.runtime),
            "runtimeVersionArn": runtime_version_arn(self.assignment.version.region, self.assignment.runtime),
            "functionName": self.assignment.version.function,
            "functionVersion": self.assignment.version.version,
        }


class RestoreRuntimeDone(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime has done its part of a restore: its hooks have run."""

    kind: ClassVar[str] = "platform.restoreRuntimeDone"
    outcome: Outcome

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "DEBUG"

    def text(self) -> Sequence[str]:
        return ()

    def record(self) -> dict[str, Any]:
        return self.outcome.record()


class RestoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """A restore has ended, its hooks included."""

    kind: ClassVar[str] = "platform.restoreReport"
    outcome: Outcome
    duration_ms: float

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "INFO"

    def text(self) -> Sequence[str]:
        line = f"RESTORE_REPORT Restore Duration: {self.duration_ms:.2f} ms"
        return (f"{line}\t{self.outcome.text()}" if self.outcome.is_failure else line,)

    def record(self) -> dict[str, Any]:
        return {**self.outcome.record(), "metrics": {"durationMs": round(self.duration_ms, 3)}}


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation begins."""

    kind: ClassVar[str] = "platform.start"
    level: ClassVar[str] = "INFO"
    request_id: str
    version: str
    trace_id: str = ""
    tenant: str = ""

    def text(self) -> Sequence[str]:
        return (f"START RequestId: {self.request_id} Version: {self.version}",)

    def record(self) -> dict[str, Any]:
        return {
            **_request(self.request_id, self.tenant), "version": self.version, **tracing(self.trace_id),
        }  # fmt: skip


class RuntimeDone(msgspec.Struct, frozen=True, kw_only=True):
    """The runtime has done its part of an invocation."""

    kind: ClassVar[str] = "platform.runtimeDone"
    request_id: str
    outcome: Outcome
    duration_ms: float
    produced_bytes: int
    spans: Sequence[Span] = ()
    trace_id: str = ""
    tenant: str = ""

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "DEBUG"

    def text(self) -> Sequence[str]:
        return ()

    def record(self) -> dict[str, Any]:
        metrics = {"durationMs": round(self.duration_ms, 3), "producedBytes": self.produced_bytes}
        return {
            **_request(self.request_id, self.tenant), **self.outcome.record(), "metrics": metrics, **_spans(self.spans),
            **tracing(self.trace_id),
        }  # fmt: skip


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation has ended."""

    kind: ClassVar[str] = "platform.report"
    request_id: str
    outcome: Outcome
    duration_ms: float
    memory_mib: int
    used_bytes: int
    init_ms: float | None = None
    is_restored: bool = False
    """Whether that was no init but a restore."""
    spans: Sequence[Span] = ()
    trace_id: str = ""
    tenant: str = ""

    @property
    def level(self) -> str:
        return "WARN" if self.outcome.is_failure else "INFO"

    @property
    def billed_ms(self) -> int:
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    @property
    def used_mib(self) -> int:
        return min(self.memory_mib, -(-self.used_bytes // (1 << 20)))

    def text(self) -> Sequence[str]:
        line = (
            f"REPORT RequestId: {self.request_id}\tDuration: {self.duration_ms:.2f} ms"
            f"\tBilled Duration: {self.billed_ms} ms\tMemory Size: {self.memory_mib} MB"
            f"\tMax Memory Used: {self.used_mib} MB\t"
        )
        if self.init_ms is not None and self.is_restored:
            line += f"Restore Duration: {self.init_ms:.2f} ms\tBilled Restore Duration: {math.ceil(self.init_ms)} ms\t"
        elif self.init_ms is not None:
            line += f"Init Duration: {self.init_ms:.2f} ms\t"
        return (f"END RequestId: {self.request_id}", line + self.outcome.text())

    def metrics(self) -> dict[str, float]:
        """Return what was measured, as the Telemetry API and the Logs API name it."""
        metrics: dict[str, float] = {
            "durationMs": round(self.duration_ms, 3),
            "billedDurationMs": self.billed_ms,
            "memorySizeMB": self.memory_mib,
            "maxMemoryUsedMB": self.used_mib,
        }
        if self.init_ms is not None and self.is_restored:
            metrics["restoreDurationMs"] = round(self.init_ms, 3)
            metrics["billedRestoreDurationMs"] = math.ceil(self.init_ms)
        elif self.init_ms is not None:
            metrics["initDurationMs"] = round(self.init_ms, 3)
        return metrics

    def record(self) -> dict[str, Any]:
        return {
            **_request(self.request_id, self.tenant), **self.outcome.record(), "metrics": self.metrics(), **_spans(self.spans),
            **tracing(self.trace_id),
        }  # fmt: skip


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A process has ended that should not have; `request_id` is that of the invocation, empty where there was none."""

    kind: ClassVar[str] = "platform.fault"
    level: ClassVar[str] = "ERROR"
    request_id: str
    reason: str

    def text(self) -> Sequence[str]:
        return (self.record(),)

    def record(self) -> str:
        return f"RequestId: {self.request_id} Error: {self.reason}"


class ExtensionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An extension at the end of init."""

    kind: ClassVar[str] = "platform.extension"
    level: ClassVar[str] = "INFO"
    name: str
    state: str
    events: Sequence[str]
    error_type: str = ""

    def text(self) -> Sequence[str]:
        line = f"EXTENSION\tName: {self.name}\tState: {self.state}\tEvents: [{','.join(self.events)}]"
        return (line + (f"\tError Type: {self.error_type}" if self.error_type else ""),)

    def record(self) -> dict[str, Any]:
        error = {"errorType": self.error_type} if self.error_type else {}
        return {"name": self.name, "state": self.state, "events": list(self.events), **error}


class Subscribed(msgspec.Struct, frozen=True, kw_only=True):
    """An extension has subscribed to the Telemetry API, or to the Logs API before it."""

    level: ClassVar[str] = "INFO"
    name: str
    types: Sequence[str]
    to_logs_api: bool = False

    @property
    def kind(self) -> str:
        return "platform.logsSubscription" if self.to_logs_api else "platform.telemetrySubscription"

    def text(self) -> Sequence[str]:
        types = ", ".join(one.capitalize() for one in self.types)
        return (
            f"{'LOGS' if self.to_logs_api else 'TELEMETRY'}\tName: {self.name}\tState: Subscribed\tTypes: [{types}]",
        )

    def record(self) -> dict[str, Any]:
        return {"name": self.name, "state": "Subscribed", "types": list(self.types)}


class LogsDropped(msgspec.Struct, frozen=True, kw_only=True):
    """Some of what was logged is lost."""

    kind: ClassVar[str] = "platform.logsDropped"
    level: ClassVar[str] = "WARN"
    reason: str
    records: int
    size_bytes: int

    def text(self) -> Sequence[str]:
        return (f"LOGS_DROPPED Events: {self.records}\tReason: {self.reason}",)

    def record(self) -> dict[str, Any]:
        return {"reason": self.reason, "droppedRecords": self.records, "droppedBytes": self.size_bytes}


Renderer = Callable[[PlatformEvent, int], list[bytes]]


def renderer_for(assignment: Assignment) -> Renderer:
    """Return how a function wants the platform's events in its log: as lines, of an event at the epoch's millisecond."""
    if assignment.log_format == "JSON":
        return JsonLines(assignment.system_log_level)
    return render_text


def render_text(event: PlatformEvent, now_ms: int) -> list[bytes]:
    """Return an event as lines of text, which have no levels."""
    return [line.encode() for line in event.text()]


class JsonLines:
    """Events as the Telemetry API's objects; one below the system log level is left out."""

    def __init__(self, system_log_level: str) -> None:
        self._least = _LEVELS.index(system_log_level)

    def __call__(self, event: PlatformEvent, now_ms: int) -> list[bytes]:
        if isinstance(event, Fault):  # the Telemetry API has no object for it
            return render_text(event, now_ms)
        if _LEVELS.index(event.level) < self._least:
            return []
        return [msgspec.json.encode({"time": iso_time(now_ms), "type": event.kind, "record": event.record()})]


def runtime_version(runtime: str) -> str:
    """Return a runtime's version as INIT_START names it: `python3.11` is `python:3.11.v1` there, for a host has one."""
    found = re.fullmatch(r"([a-z]+)\.?(.+?)(?:\.x)?", runtime)
    return f"{found[1]}:{found[2]}.v1" if found else runtime


def _runtime_told(assignment: Assignment) -> str:
    arn = runtime_version_arn(assignment.version.region, assignment.runtime)
    return f"Runtime Version: {runtime_version(assignment.runtime)}\tRuntime Version ARN: {arn}"


def tracing(trace_id: str) -> dict[str, Any]:
    """Return the member `tracing` of a record, nothing where there is no trace."""
    if not trace_id:
        return {}
    parent = re.search(r"Parent=([0-9a-f]{16})", trace_id)
    span = {"spanId": parent[1]} if parent else {}
    return {"tracing": {**span, "type": "X-Amzn-Trace-Id", "value": trace_id}}


def _request(request_id: str, tenant: str) -> dict[str, str]:
    return {"requestId": request_id, **({"tenantId": tenant} if tenant else {})}


def _spans(spans: Sequence[Span]) -> dict[str, Any]:
    return {"spans": [span.record() for span in spans]} if spans else {}
