"""Logs, metrics, traces and the audit trail: what is recorded, and the services that serve it."""

from ingle.telemetry.log_groups import LogEvent, LogGroup, LogStreamInfo
from ingle.telemetry.segments import Sealer, SegmentError

__all__ = ["LogEvent", "LogGroup", "LogStreamInfo", "Sealer", "SegmentError"]
