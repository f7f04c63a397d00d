"""The keys that role sessions are sealed under, wrapped, by when they were made."""

import sqlite3


class SessionKeyRepository:
    """Every write is durable on return."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, created_ms: int, wrapped_key: bytes) -> None:
        self._connection.execute("INSERT INTO session_keys VALUES (?, ?)", (created_ms, wrapped_key))

    def every(self) -> list[tuple[int, bytes]]:
        """Return (made at, wrapped key) of each, oldest first."""
        return self._connection.execute("SELECT created_ms, wrapped_key FROM session_keys ORDER BY 1").fetchall()

    def remove_before(self, created_ms: int) -> None:
        self._connection.execute("DELETE FROM session_keys WHERE created_ms < ?", (created_ms,))
