"""The SQLite database: write-ahead log, full synchronisation, migrations by number."""

import sqlite3
from pathlib import Path

from ingle.store.migrations import MIGRATIONS


def open_database(path: Path) -> sqlite3.Connection:
    """Open the database at `path`, made and migrated where needed.

    Every commit is on disk when it returns. Temporary data stays in memory, deleted rows are overwritten.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    path.chmod(0o600)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "secure_delete=ON", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _migrate(connection)
    return connection


def _migrate(connection: sqlite3.Connection) -> None:
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    for number, statements in enumerate(MIGRATIONS[done:], done + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
