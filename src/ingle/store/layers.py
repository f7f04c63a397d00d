"""Layers in the database. A layer is one document; its contents are sealed chunks."""

import sqlite3
from collections.abc import Iterator

import msgspec

from ingle.functions import Layer


class LayerRepository:
    """Layers by (account, region, name); every write is durable on return."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, account: str, region: str, name: str) -> Layer | None:
        row = self._connection.execute(
            "SELECT document FROM layers WHERE account = ? AND region = ? AND name = ?", (account, region, name)
        ).fetchone()
        return msgspec.msgpack.decode(row[0], type=Layer) if row is not None else None

    def save(self, layer: Layer) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO layers VALUES (?, ?, ?, ?)",
            (layer.account, layer.region, layer.name, msgspec.msgpack.encode(layer)),
        )

    def of_region(self, account: str, region: str) -> list[Layer]:
        """Return the layers of a region, by name."""
        rows = self._connection.execute(
            "SELECT document FROM layers WHERE account = ? AND region = ? ORDER BY name", (account, region)
        )
        return [msgspec.msgpack.decode(row[0], type=Layer) for row in rows]

    def every(self) -> Iterator[Layer]:
        for row in self._connection.execute("SELECT document FROM layers"):
            yield msgspec.msgpack.decode(row[0], type=Layer)
