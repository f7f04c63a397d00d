"""Control's databases at its start: made once, and never anew where something is there that they should name."""

import sqlite3
from pathlib import Path

from ingle.store import bind_installation, open_database, open_queue
from ingle.values import InstallationError

_NAMED_BY_METADATA = ("chunks/??", "chunks/aside", "logs/*", "queue.sqlite")


class MetadataMissingError(InstallationError):
    """The database is gone that names what is in a data directory."""


def open_databases(data_dir: Path, installation: str) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Return metadata and queue. Raises InstallationError where one is missing, damaged or another installation's."""
    metadata, queue = data_dir / "metadata.sqlite", data_dir / "queue.sqlite"
    if not _has_content(metadata) and any(any(data_dir.glob(pattern)) for pattern in _NAMED_BY_METADATA):
        raise MetadataMissingError(
            f"{metadata} is missing or empty, and {data_dir} holds what only it names: restore it from a backup"
        )
    opened = []
    for path, open_it in ((metadata, open_database), (queue, open_queue)):
        connection = open_it(path)
        bind_installation(connection, installation, path)
        opened.append(connection)
    return opened[0], opened[1]


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
