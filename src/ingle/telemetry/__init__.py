"""Logs, metrics, traces and the audit trail: what is recorded, and the services that serve it."""

from ingle.telemetry.histogram import INIT_SECONDS, INVOKE_SECONDS, Histogram
from ingle.telemetry.log_groups import LogEvent, LogGroup, LogStreamInfo
from ingle.telemetry.segments import Sealer, SegmentError

__all__ = [
    "INIT_SECONDS", "INVOKE_SECONDS", "Histogram", "LogEvent", "LogGroup", "LogStreamInfo", "Sealer", "SegmentError",
]  # fmt: skip
