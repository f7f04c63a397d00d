"""The platform's own lines in a function's log, as text and as JSON (execution reference, sections 5 and 6).

`lines_for` chooses by the function's LoggingConfig. The methods of both are pure: each event is a list of lines, empty
where the format has none for it or the system log level leaves it out.
"""

import dataclasses
import math
import re
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from ingle.environments import Assignment

_LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_STATUS = re.compile(rb"Status: (\w+)(?:\tError Type: (.+))?")
_ENDS = frozenset({"Runtime.ExitError", "Extension.ExitError", "Extension.Crash"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is told of an invocation at its end; `failure` is b"" or `Status: …` as the text shows it."""

    request_id: bytes
    duration_ms: float
    memory_mib: int
    used_bytes: int
    init_ms: float | None
    failure: bytes

    @property
    def billed_ms(self) -> int:
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    @property
    def used_mib(self) -> int:
        return min(self.memory_mib, -(-self.used_bytes // (1 << 20)))


class PlatformLines(Protocol):
    """The events of an environment as lines of its log; `now_ms` is the epoch's milliseconds."""

    def init_start(self, assignment: Assignment, now_ms: int) -> list[bytes]:
        """Init begins."""
        ...

    def init_report(self, phase: str, duration_ms: float, failure: bytes, now_ms: int) -> list[bytes]:
        """Init has failed."""
        ...

    def start(self, request_id: bytes, version: str, now_ms: int) -> list[bytes]:
        """An invocation begins."""
        ...

    def runtime_done(self, report: Report, now_ms: int) -> list[bytes]:
        """The runtime has done its part of an invocation."""
        ...

    def report(self, report: Report, now_ms: int) -> list[bytes]:
        """An invocation has ended."""
        ...


def lines_for(assignment: Assignment) -> PlatformLines:
    """Return how a function wants the platform's lines."""
    if assignment.log_format == "JSON":
        return JsonLines(assignment.system_log_level, assignment.initialization_type)
    return TextLines()


class TextLines:
    """INIT_START, START, END and REPORT; text has no levels."""

    def init_start(self, assignment: Assignment, now_ms: int) -> list[bytes]:
        return [f"INIT_START Runtime Version: {runtime_version(assignment.runtime)}".encode()]

    def init_report(self, phase: str, duration_ms: float, failure: bytes, now_ms: int) -> list[bytes]:
        return [b"INIT_REPORT Init Duration: %.2f ms\tPhase: %b\t%b" % (duration_ms, phase.encode(), failure)]

    def start(self, request_id: bytes, version: str, now_ms: int) -> list[bytes]:
        return [b"START RequestId: %b Version: %b" % (request_id, version.encode())]

    def runtime_done(self, report: Report, now_ms: int) -> list[bytes]:
        return [b"END RequestId: %b" % report.request_id]

    def report(self, report: Report, now_ms: int) -> list[bytes]:
        line = (
            b"REPORT RequestId: %b\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t"
            % (report.request_id, report.duration_ms, report.billed_ms, report.memory_mib, report.used_mib)
        )
        if report.init_ms is not None:
            line += b"Init Duration: %.2f ms\t" % report.init_ms
        return [line + report.failure]


class JsonLines:
    """The Telemetry API's objects; an event below the system log level is left out."""

    def __init__(self, system_log_level: str, initialization_type: str) -> None:
        self._least = _LEVELS.index(system_log_level)
        self._initialization_type = initialization_type

    def init_start(self, assignment: Assignment, now_ms: int) -> list[bytes]:
        record = {
            "initializationType": self._initialization_type,
            "phase": "init",
            "runtimeVersion": runtime_version(assignment.runtime),
            "functionName": assignment.version.function,
            "functionVersion": assignment.version.version,
        }
        return self._event("INFO", "platform.initStart", record, now_ms)

    def init_report(self, phase: str, duration_ms: float, failure: bytes, now_ms: int) -> list[bytes]:
        record = {
            "initializationType": self._initialization_type,
            "phase": phase,
            **_outcome(failure),
            "metrics": {"durationMs": round(duration_ms, 3)},
        }
        return self._event("WARN" if failure else "DEBUG", "platform.initReport", record, now_ms)

    def start(self, request_id: bytes, version: str, now_ms: int) -> list[bytes]:
        return self._event("INFO", "platform.start", {"requestId": request_id.decode(), "version": version}, now_ms)

    def runtime_done(self, report: Report, now_ms: int) -> list[bytes]:
        record = {
            "requestId": report.request_id.decode(),
            **_outcome(report.failure),
            "metrics": {"durationMs": round(report.duration_ms, 3)},
        }
        return self._event("WARN" if report.failure else "DEBUG", "platform.runtimeDone", record, now_ms)

    def report(self, report: Report, now_ms: int) -> list[bytes]:
        metrics: dict[str, float] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mib,
            "maxMemoryUsedMB": report.used_mib,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        record = {"requestId": report.request_id.decode(), **_outcome(report.failure), "metrics": metrics}
        return self._event("WARN" if report.failure else "INFO", "platform.report", record, now_ms)

    def _event(self, level: str, kind: str, record: dict[str, Any], now_ms: int) -> list[bytes]:
        if _LEVELS.index(level) < self._least:
            return []
        return [msgspec.json.encode({"time": render_time(now_ms), "type": kind, "record": record})]


def runtime_version(runtime: str) -> str:
    """Return a runtime as INIT_START names it: `python3.11` is `python:3.11` there."""
    found = re.fullmatch(r"([a-z]+)\.?(.+?)(?:\.x)?", runtime)
    return f"{found[1]}:{found[2]}" if found else runtime


def render_time(at_ms: int) -> str:
    """Return a time as the Telemetry API writes it: `2026-01-02T03:04:05.678Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _outcome(failure: bytes) -> dict[str, str]:
    """Return status and error type; what ended by itself has the status failure, what its handler raised error."""
    found = _STATUS.fullmatch(failure)
    if found is None:
        return {"status": "success"}
    error_type = (found[2] or b"").decode()
    status = "failure" if error_type in _ENDS else found[1].decode()
    return {"status": status, **({"errorType": error_type} if error_type else {})}
