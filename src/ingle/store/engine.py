"""The SQLite database: write-ahead log, full synchronisation, migrations by number."""

import sqlite3
from pathlib import Path

from ingle.store.migrations import MIGRATIONS, QUEUE_MIGRATIONS
from ingle.values import InstallationError

_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "temp_store=MEMORY", "secure_delete=ON", "foreign_keys=ON")


class DatabaseDamagedError(InstallationError):
    """A database can't be read as what it should be."""


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
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection, path, migrations)
    except sqlite3.OperationalError as error:  # the disk is full, or the like: another start may help
        connection.close()
        raise OSError(f"{path}: {error}") from None
    except sqlite3.DatabaseError as error:
        connection.close()
        raise DatabaseDamagedError(f"{path} is damaged ({error}): restore it from a backup") from None
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: sqlite3.Connection, path: Path, migrations: tuple[tuple[str, ...], ...]) -> None:
    done = connection.execute("PRAGMA user_version").fetchone()[0]
    if not 0 <= done <= len(migrations):
        raise DatabaseDamagedError(f"{path} was written by a later Ingle, which knows {done} steps of it: upgrade")
    for number, statements in enumerate(migrations[done:], done + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version={number}")
        connection.execute("COMMIT")
