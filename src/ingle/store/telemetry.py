"""What the database knows of log groups: names and wrapped keys; the events are in segments."""

import dataclasses
import sqlite3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogGroupRow:
    """A log group; `id` names its folder."""

    account: str
    region: str
    name: str
    id: str
    created_ms: int
    wrapped_key: bytes = dataclasses.field(repr=False)


class LogGroupRepository:
    """Log groups by (account, region, name)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, row: LogGroupRow) -> None:
        self._connection.execute(
            "INSERT INTO log_groups VALUES (?, ?, ?, ?, ?, ?)",
            (row.account, row.region, row.name, row.id, row.created_ms, row.wrapped_key),
        )

    def every(self) -> list[LogGroupRow]:
        columns = "account, region, name, id, created_ms, wrapped_key"
        rows = self._connection.execute(f"SELECT {columns} FROM log_groups ORDER BY name")
        names = columns.split(", ")
        return [LogGroupRow(**dict(zip(names, row, strict=True))) for row in rows]
