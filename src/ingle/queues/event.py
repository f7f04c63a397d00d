"""An asynchronous invocation as it waits, and how it may end."""

import enum

import msgspec

from ingle.values import FunctionArn, IngleError

FunctionKey = tuple[str, str, str]
"""Account, region and name."""


class Condition(enum.StrEnum):
    """How an event has ended; the words are those of Lambda's invocation records."""

    SUCCESS = "Success"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    EVENT_AGE_EXCEEDED = "EventAgeExceeded"
    ZERO_RESERVED_CONCURRENCY = "ZeroReservedConcurrency"
    RECURSION = "RecursiveInvocationsExceeded"
    """A chain of invocations has come through the function too often; AWS documents no word for it."""
    QUALIFIER_GONE = "QualifierGone"
    """Ours: the version or alias was deleted while the event waited."""
    UNREADABLE = "Unreadable"
    """Ours: the stored payload is not what was sealed."""


class EventNotKeptError(IngleError):
    """What was to be written of an event did not become durable: the disk is full, for example."""


class QueueUnreadableError(IngleError):
    """The queue can't be read now: a fault of the disk, for example."""


class QueuedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event. Its payload is not here: it is sealed and opened for a delivery alone."""

    id: int
    arn: FunctionArn
    """As the caller gave it: an alias is resolved when the event runs."""
    request_id: str
    accepted_ms: int
    due_ms: int
    failures: int = 0
    """How often the function has failed."""
    refusals: int = 0
    """How often in a row it was throttled, or the platform failed."""
    sealed_bytes: int = 0
    """The size of its sealed payload."""


class QueueStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in all."""

    depth: int
    oldest_ms: int | None
    """When the oldest was accepted."""
    accepted: int = 0
    """Events that were accepted since control started."""
    dropped: dict[str, int] = {}
    """Events that were given up since then, by condition."""
    reported: int = 0
    """Records that were handed to destinations since then."""
    unreported: int = 0
    """Records that no destination could be given."""
