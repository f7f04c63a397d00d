"""What is declared of a log group beside its events: retention, tags, and who gets which events."""

from collections.abc import Mapping

import msgspec

RETENTION_DAYS = (
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
)  # fmt: skip
"""What PutRetentionPolicy takes (CloudWatch Logs API reference)."""


class SubscriptionFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Sends the events that match a pattern to a function."""

    name: str
    pattern: str
    destination: str
    """The ARN of the function, as it was given."""
    distribution: str
    created_ms: int


class MetricTransformation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a metric is made of an event."""

    name: str
    namespace: str
    value: str
    default: float | None = None
    dimensions: Mapping[str, str] | None = None
    unit: str | None = None


class MetricFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Makes a metric of the events that match a pattern; it is kept and shown."""

    name: str
    pattern: str
    transformation: MetricTransformation
    created_ms: int


class LogStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What control tells of its logs."""

    groups: int
    stored_bytes: int
    damaged: int
    """How many damaged places it has found since it started."""


class LogGroupSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is declared of a group."""

    retention_days: int | None = None
    log_group_class: str = "STANDARD"
    is_protected: bool = False
    """Whether deletion is refused."""
    tags: Mapping[str, str] = {}
    subscription_filters: Mapping[str, SubscriptionFilter] = {}
    metric_filters: Mapping[str, MetricFilter] = {}
