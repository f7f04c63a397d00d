"""Functions in the database. A function is one document; what must be secret in it is sealed before it comes here."""

import sqlite3
from collections.abc import Iterator

import msgspec

from ingle.functions import Function, FunctionExistsError


class FunctionRepository:
    """Functions by (account, region, name); every write is durable on return."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, function: Function) -> None:
        """Raises FunctionExistsError where the name is taken."""
        try:
            self._connection.execute(
                "INSERT INTO functions VALUES (?, ?, ?, ?)",
                (function.account, function.region, function.name, msgspec.msgpack.encode(function)),
            )
        except sqlite3.IntegrityError:
            raise FunctionExistsError(function.name) from None

    def save(self, function: Function) -> None:
        self._connection.execute(
            "UPDATE functions SET document = ? WHERE account = ? AND region = ? AND name = ?",
            (msgspec.msgpack.encode(function), function.account, function.region, function.name),
        )

    def find(self, account: str, region: str, name: str) -> Function | None:
        row = self._connection.execute(
            "SELECT document FROM functions WHERE account = ? AND region = ? AND name = ?", (account, region, name)
        ).fetchone()
        return None if row is None else msgspec.msgpack.decode(row[0], type=Function)

    def remove(self, account: str, region: str, name: str) -> None:
        self._connection.execute(
            "DELETE FROM functions WHERE account = ? AND region = ? AND name = ?", (account, region, name)
        )

    def page(self, account: str, region: str, after: str, count: int) -> list[Function]:
        """Return up to `count` functions of a region whose names come behind `after`, by name."""
        rows = self._connection.execute(
            "SELECT document FROM functions WHERE account = ? AND region = ? AND name > ? ORDER BY name LIMIT ?",
            (account, region, after, count),
        )
        return [msgspec.msgpack.decode(row[0], type=Function) for row in rows]

    def every(self) -> Iterator[Function]:
        for row in self._connection.execute("SELECT document FROM functions"):
            yield msgspec.msgpack.decode(row[0], type=Function)
