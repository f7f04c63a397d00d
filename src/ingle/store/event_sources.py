"""Event source mappings in the database, each a document."""

import sqlite3

import msgspec

from ingle.functions import EventSourceMapping


class EventSourceRepository:
    """Event source mappings by (account, region, uuid); every write is durable on return."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, account: str, region: str, uuid: str) -> EventSourceMapping | None:
        row = self._connection.execute(
            "SELECT document FROM event_source_mappings WHERE account = ? AND region = ? AND uuid = ?",
            (account, region, uuid),
        ).fetchone()
        return msgspec.msgpack.decode(row[0], type=EventSourceMapping) if row is not None else None

    def save(self, mapping: EventSourceMapping) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO event_source_mappings VALUES (?, ?, ?, ?)",
            (mapping.account, mapping.region, mapping.uuid, msgspec.msgpack.encode(mapping)),
        )

    def remove(self, account: str, region: str, uuid: str) -> None:
        self._connection.execute(
            "DELETE FROM event_source_mappings WHERE account = ? AND region = ? AND uuid = ?", (account, region, uuid)
        )

    def of_region(self, account: str, region: str) -> list[EventSourceMapping]:
        """Return the mappings of a region, by uuid."""
        rows = self._connection.execute(
            "SELECT document FROM event_source_mappings WHERE account = ? AND region = ? ORDER BY uuid",
            (account, region),
        )
        return [msgspec.msgpack.decode(row[0], type=EventSourceMapping) for row in rows]
