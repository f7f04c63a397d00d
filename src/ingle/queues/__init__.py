"""Durable queues with redelivery, for asynchronous events."""

from ingle.queues.agenda import Agenda
from ingle.queues.event import (
    Condition,
    EventNotKeptError,
    FunctionKey,
    QueuedEvent,
    QueueStatistics,
    QueueUnreadableError,
)
from ingle.queues.lineage import LIMIT as RECURSION_LIMIT
from ingle.queues.lineage import extended, visits
from ingle.queues.quota import QueueFullError, Quota, QuotaLimits
from ingle.queues.record import Answered, invocation_record, is_reported
from ingle.queues.retry import Outcome, RetryPolicy, after_attempt, before_attempt
from ingle.queues.window import Window

__all__ = [
    "RECURSION_LIMIT",
    "Agenda",
    "Answered",
    "Condition",
    "EventNotKeptError",
    "FunctionKey",
    "Outcome",
    "QueueFullError",
    "QueueStatistics",
    "QueueUnreadableError",
    "QueuedEvent",
    "Quota",
    "QuotaLimits",
    "RetryPolicy",
    "Window",
    "after_attempt",
    "before_attempt",
    "extended",
    "invocation_record",
    "is_reported",
    "visits",
]
