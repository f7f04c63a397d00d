"""Which installation a database belongs to: the id of its data directory stands in both, so that a foreign one is noticed."""

import sqlite3
from pathlib import Path

from ingle.values import InstallationError


class ForeignDatabaseError(InstallationError):
    """A database belongs to another installation."""


def bind_installation(connection: sqlite3.Connection, installation: str, path: Path) -> None:
    """Have a database belong to an installation; one that belongs to none yet does from now on.

    Raises ForeignDatabaseError.
    """
    row = connection.execute("SELECT id FROM installation").fetchone()
    if row is None:
        connection.execute("INSERT INTO installation VALUES (?)", (installation,))
    elif row[0] != installation:
        raise ForeignDatabaseError(
            f"{path} belongs to installation {row[0]}, and {path.parent} is {installation}:"
            f" restore both {path.name} and installation.json from one backup"
        )


def read_installation_id(path: Path) -> str | None:
    """Return to which installation the database at `path` belongs; None where there is none or it does not tell."""
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            row = connection.execute("SELECT id FROM installation").fetchone()
        finally:
            connection.close()
    except sqlite3.Error:
        return None
    return str(row[0]) if row is not None else None
