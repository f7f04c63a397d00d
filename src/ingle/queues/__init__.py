"""Durable queues with redelivery, for asynchronous events."""

from ingle.queues.event import (
    Condition,
    EventNotKeptError,
    FunctionKey,
    QueuedEvent,
    QueueStatistics,
    QueueUnreadableError,
)
from ingle.queues.retry import Outcome, RetryPolicy, after_attempt, before_attempt
from ingle.queues.window import Window

__all__ = [
    "Condition",
    "EventNotKeptError",
    "FunctionKey",
    "Outcome",
    "QueueStatistics",
    "QueueUnreadableError",
    "QueuedEvent",
    "RetryPolicy",
    "Window",
    "after_attempt",
    "before_attempt",
]
