"""Logs, metrics, traces and the audit trail: what is recorded, and the services that serve it."""

from ingle.telemetry.disk import DiskReport, read_disk
from ingle.telemetry.filter_pattern import FilterPattern, InvalidFilterPatternError, parse_filter_pattern
from ingle.telemetry.histogram import INIT_SECONDS, INVOKE_SECONDS, Histogram
from ingle.telemetry.log_groups import LogBatchFacts, LogGroup, LogStreamInfo
from ingle.telemetry.log_pages import (
    EVENT_OVERHEAD_BYTES,
    NO_END_MS,
    SEARCH_BYTES,
    EventKey,
    LogEvent,
    LogPage,
    LogQuery,
    decode_events,
    encode_event,
    event_id,
)
from ingle.telemetry.log_settings import (
    RETENTION_DAYS,
    LogGroupSettings,
    LogStatistics,
    MetricFilter,
    MetricTransformation,
    SubscriptionFilter,
)
from ingle.telemetry.segments import Damage, Frame, Sealer, SegmentError

__all__ = [
    "EVENT_OVERHEAD_BYTES",
    "INIT_SECONDS",
    "INVOKE_SECONDS",
    "NO_END_MS",
    "RETENTION_DAYS",
    "SEARCH_BYTES",
    "Damage",
    "DiskReport",
    "EventKey",
    "FilterPattern",
    "Frame",
    "Histogram",
    "InvalidFilterPatternError",
    "LogBatchFacts",
    "LogEvent",
    "LogGroup",
    "LogGroupSettings",
    "LogPage",
    "LogQuery",
    "LogStatistics",
    "LogStreamInfo",
    "MetricFilter",
    "MetricTransformation",
    "Sealer",
    "SegmentError",
    "SubscriptionFilter",
    "decode_events",
    "encode_event",
    "event_id",
    "parse_filter_pattern",
    "read_disk",
]  # fmt: skip
