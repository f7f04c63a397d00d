"""The SQLite database: write-ahead log, full synchronisation, migrations by number."""

import sqlite3
from pathlib import Path

from ingle.store.migrations import MIGRATIONS, QUEUE_MIGRATIONS


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database at `path`, made and migrated where needed.

    Every commit is on disk when it returns. Temporary data stays in memory, deleted rows are overwritten.
    """
    return _open(sqlite3.connect(path, isolation_level=None), path, MIGRATIONS)


def open_queue(path: Path) -> sqlite3.Connection:
    """Open the database of queued events at `path`, as `open_database` does; any one thread at a time may use it."""
    return _open(sqlite3.connect(path, isolation_level=None, check_same_thread=False), path, QUEUE_MIGRATIONS)


def _open(connection: sqlite3.Connection, path: Path, migrations: tuple[tuple[str, ...], ...]) -> sqlite3.Connection:
    path.chmod(0o600)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _migrate(connection, migrations)
    return connection


def _migrate(connection: sqlite3.Connection, migrations: tuple[tuple[str, ...], ...]) -> None:
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, statements in enumerate(migrations[done:], done + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
