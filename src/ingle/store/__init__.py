"""The metadata store: one schema on SQLite and PostgreSQL, a repository for each domain package."""

from ingle.store.code_signing import CodeSigningRepository
from ingle.store.engine import open_database, open_queue
from ingle.store.event_sources import EventSourceRepository
from ingle.store.functions import FunctionRepository
from ingle.store.installation import bind_installation, read_installation_id
from ingle.store.layers import LayerRepository
from ingle.store.queues import EventRepository, SealedEvent
from ingle.store.sessions import SessionKeyRepository
from ingle.store.telemetry import LogGroupRepository, LogGroupRow

__all__ = [
    "CodeSigningRepository",
    "EventRepository",
    "EventSourceRepository",
    "FunctionRepository",
    "LayerRepository",
    "LogGroupRepository",
    "LogGroupRow",
    "SealedEvent",
    "SessionKeyRepository",
    "bind_installation",
    "open_database",
    "open_queue",
    "read_installation_id",
]
