"""What the database knows of log groups: names, wrapped keys, and what is declared; the events are in segments."""

import dataclasses
import sqlite3

import msgspec

from ingle.telemetry import LogGroupSettings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogGroupRow:
    """A log group; `id` names its folder."""

    account: str
    region: str
    name: str
    id: str
    created_ms: int
    wrapped_key: bytes = dataclasses.field(repr=False)
    settings: LogGroupSettings = dataclasses.field(default_factory=LogGroupSettings)


class LogGroupRepository:
    """Log groups by (account, region, name), and the streams that somebody created in them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, row: LogGroupRow) -> None:
        """Keep a new group."""
        self._connection.execute(
            "INSERT INTO log_groups VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                row.account,
                row.region,
                row.name,
                row.id,
                row.created_ms,
                row.wrapped_key,
                msgspec.json.encode(row.settings),
            ),
        )

    def every(self) -> list[LogGroupRow]:
        """Return all groups by name."""
        columns = "account, region, name, id, created_ms, wrapped_key, settings"
        rows = self._connection.execute(f"SELECT {columns} FROM log_groups ORDER BY name")
        return [
            LogGroupRow(
                account=account,
                region=region,
                name=name,
                id=identifier,
                created_ms=created_ms,
                wrapped_key=wrapped_key,
                settings=msgspec.json.decode(settings, type=LogGroupSettings),
            )
            for account, region, name, identifier, created_ms, wrapped_key, settings in rows
        ]

    def save_settings(self, identifier: str, settings: LogGroupSettings) -> None:
        """Keep what is declared of a group."""
        self._connection.execute(
            "UPDATE log_groups SET settings = ? WHERE id = ?", (msgspec.json.encode(settings), identifier)
        )

    def remove(self, identifier: str) -> None:
        """Forget a group with its key and its streams."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.execute("DELETE FROM log_streams WHERE group_id = ?", (identifier,))
            self._connection.execute("DELETE FROM log_groups WHERE id = ?", (identifier,))
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # else what others write from now on would wait for its end
                self._connection.execute("ROLLBACK")
            raise

    def add_stream(self, identifier: str, name: str, created_ms: int) -> None:
        """Keep a stream that is there without events."""
        self._connection.execute("INSERT INTO log_streams VALUES (?, ?, ?)", (identifier, name, created_ms))

    def remove_stream(self, identifier: str, name: str) -> None:
        """Forget a stream, if it was kept."""
        self._connection.execute("DELETE FROM log_streams WHERE group_id = ? AND name = ?", (identifier, name))

    def streams(self, identifier: str) -> dict[str, int]:
        """Return the streams that were created in a group, and when."""
        rows = self._connection.execute("SELECT name, created_ms FROM log_streams WHERE group_id = ?", (identifier,))
        return dict(rows.fetchall())
