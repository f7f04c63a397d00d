"""Code signing configs in the database, each a document."""

import sqlite3

import msgspec

from ingle.functions import CodeSigningConfig


class CodeSigningRepository:
    """Code signing configs by (account, region, id); every write is durable on return."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, account: str, region: str, identifier: str) -> CodeSigningConfig | None:
        row = self._connection.execute(
            "SELECT document FROM code_signing_configs WHERE account = ? AND region = ? AND id = ?",
            (account, region, identifier),
        ).fetchone()
        return msgspec.msgpack.decode(row[0], type=CodeSigningConfig) if row is not None else None

    def save(self, config: CodeSigningConfig) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO code_signing_configs VALUES (?, ?, ?, ?)",
            (config.account, config.region, config.id, msgspec.msgpack.encode(config)),
        )

    def remove(self, account: str, region: str, identifier: str) -> None:
        self._connection.execute(
            "DELETE FROM code_signing_configs WHERE account = ? AND region = ? AND id = ?",
            (account, region, identifier),
        )

    def page(self, account: str, region: str, after: str, count: int) -> list[CodeSigningConfig]:
        """Return up to `count` configs of a region whose ids come behind `after`, by id."""
        rows = self._connection.execute(
            "SELECT document FROM code_signing_configs WHERE account = ? AND region = ? AND id > ? ORDER BY id LIMIT ?",
            (account, region, after, count),
        )
        return [msgspec.msgpack.decode(row[0], type=CodeSigningConfig) for row in rows]
