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
from ingle.queues.retry import Outcome, RetryPolicy, after_attempt, before_attempt
from ingle.queues.window import Window

__all__ = [
    "Agenda",
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
