"""The metadata store: one schema on SQLite and PostgreSQL, a repository for each domain package."""

from ingle.store.engine import open_database
from ingle.store.functions import FunctionRepository
from ingle.store.layers import LayerRepository
from ingle.store.telemetry import LogGroupRepository, LogGroupRow

__all__ = ["FunctionRepository", "LayerRepository", "LogGroupRepository", "LogGroupRow", "open_database"]
