"""Functions in the database. A function is one document; what must be secret in it is sealed before it comes here."""

import sqlite3
from collections.abc import Iterator

import msgspec

from ingle.functions import Function, FunctionExistsError

_KEPT = 1024


class FunctionRepository:
    """Functions by (account, region, name); every write is durable on return.

    What was decoded last is kept: a function with a hundred versions takes half a millisecond, and each cold start asks
    for one. There is no other writer.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._decoded: dict[tuple[str, str, str], Function] = {}

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
        self._decoded.pop((function.account, function.region, function.name), None)
        self._connection.execute(
            "UPDATE functions SET document = ? WHERE account = ? AND region = ? AND name = ?",
            (msgspec.msgpack.encode(function), function.account, function.region, function.name),
        )

    def find(self, account: str, region: str, name: str) -> Function | None:
        kept = self._decoded.get((account, region, name))
        if kept is not None:
            return kept
        row = self._connection.execute(
            "SELECT document FROM functions WHERE account = ? AND region = ? AND name = ?", (account, region, name)
        ).fetchone()
        if row is None:
            return None
        if len(self._decoded) >= _KEPT:
            self._decoded.clear()
        found = self._decoded[account, region, name] = msgspec.msgpack.decode(row[0], type=Function)
        return found

    def remove(self, account: str, region: str, name: str) -> None:
        self._decoded.pop((account, region, name), None)
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
