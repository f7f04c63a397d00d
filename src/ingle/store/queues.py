"""Queued events in a database of their own; payloads are sealed before they come here."""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator

from ingle.queues import EventNotKeptError, FunctionKey, QueuedEvent, QueueStatistics, QueueUnreadableError
from ingle.values import FunctionArn

_OF_FUNCTION = "account = ? AND region = ? AND function = ?"
_COLUMNS = "id, account, region, function, qualifier, request_id, accepted_ms, due_ms, failures, refusals"
Change = Callable[[], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SealedEvent:
    """An event with its payload, and the key that the payload is sealed under."""

    event: QueuedEvent
    key_id: str
    sealed: bytes


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise QueueUnreadableError(str(error)) from None


class EventRepository:
    """Events and their wrapped keys. Changes are made within `commit`, which is durable on return.

    What reads raises QueueUnreadableError where the disk fails.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def commit(self, changes: Iterable[Change]) -> None:
        """Make all these changes, or none. Raises EventNotKeptError."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for change in changes:
                change()
            self._connection.execute("COMMIT")
        except Exception as error:  # whatever it is, the transaction must not stay open
            with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself where the disk is full
                self._connection.execute("ROLLBACK")
            raise EventNotKeptError(str(error)) from None

    def add_key(self, key_id: str, function: FunctionKey, wrapped_key: bytes) -> None:
        self._connection.execute("INSERT INTO event_keys VALUES (?, ?, ?, ?, ?)", (key_id, *function, wrapped_key))

    @_reading()
    def find_key(self, key_id: str) -> bytes | None:
        """Return a wrapped key."""
        row = self._connection.execute("SELECT wrapped_key FROM event_keys WHERE id = ?", (key_id,)).fetchone()
        return row[0] if row is not None else None

    def remove_unused_keys(self) -> None:
        """Delete the keys that no event is sealed under."""
        self._connection.execute("DELETE FROM event_keys WHERE id NOT IN (SELECT key_id FROM events)")

    def add(self, event: QueuedEvent, key_id: str, sealed: bytes) -> None:
        """Add an event; the database gives it its id."""
        arn = event.arn
        self._connection.execute(
            "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                arn.account, arn.region, arn.name, arn.qualifier, event.request_id, event.accepted_ms, event.due_ms,
                event.failures, event.refusals, key_id, sealed,
            ),
        )  # fmt: skip

    def put_back(self, event: QueuedEvent) -> None:
        """Keep when an event is due again, and how often it has been tried."""
        self._connection.execute(
            "UPDATE events SET due_ms = ?, failures = ?, refusals = ? WHERE id = ?",
            (event.due_ms, event.failures, event.refusals, event.id),
        )

    def remove(self, event_id: int) -> None:
        self._connection.execute("DELETE FROM events WHERE id = ?", (event_id,))

    def forget(self, function: FunctionKey) -> None:
        """Delete a function's events and the keys without which no copy of them can be read."""
        self._connection.execute(f"DELETE FROM events WHERE {_OF_FUNCTION}", function)
        self._connection.execute(f"DELETE FROM event_keys WHERE {_OF_FUNCTION}", function)

    @_reading()
    def functions(self) -> list[FunctionKey]:
        """Return the functions that have events."""
        return list(self._connection.execute("SELECT DISTINCT account, region, function FROM events"))

    @_reading()
    def sizes(self) -> dict[FunctionKey, tuple[int, int]]:
        """Return how many events each function has, and how many bytes they are."""
        rows = self._connection.execute(
            "SELECT account, region, function, COUNT(*), SUM(LENGTH(sealed)) FROM events GROUP BY 1, 2, 3"
        )
        return {(account, region, name): (count, size) for account, region, name, count, size in rows}

    @_reading()
    def due(
        self, function: FunctionKey, now_ms: int, count: int, under_way: Collection[int]
    ) -> tuple[list[SealedEvent], int | None]:
        """Return up to `count` events of a function that are due and not under way, and when it is to be asked again.

        That is now where there may be more, later where something waits, never (None) where nothing does.
        """
        found = self._connection.execute(
            f"SELECT id FROM events WHERE {_OF_FUNCTION} AND due_ms <= ? ORDER BY due_ms, id LIMIT ?",
            (*function, now_ms, count + len(under_way)),
        )
        chosen = [row[0] for row in found if row[0] not in under_way][:count]
        if len(chosen) == count:
            return self._read(chosen), now_ms
        later = self._connection.execute(
            f"SELECT MIN(due_ms) FROM events WHERE {_OF_FUNCTION} AND due_ms > ?", (*function, now_ms)
        ).fetchone()
        return self._read(chosen), later[0]

    def _read(self, ids: list[int]) -> list[SealedEvent]:
        made = []
        for event_id in ids:
            row = self._connection.execute(
                f"SELECT {_COLUMNS}, key_id, sealed FROM events WHERE id = ?", (event_id,)
            ).fetchone()
            made.append(_from_row(*row))
        return made

    @_reading()
    def statistics(self) -> QueueStatistics:
        depth, oldest_ms = self._connection.execute("SELECT COUNT(*), MIN(accepted_ms) FROM events").fetchone()
        return QueueStatistics(depth=depth, oldest_ms=oldest_ms)

    def close(self) -> None:
        self._connection.close()


def _from_row(
    event_id: int, account: str, region: str, name: str, qualifier: str | None, request_id: str,
    accepted_ms: int, due_ms: int, failures: int, refusals: int, key_id: str, sealed: bytes,
) -> SealedEvent:  # fmt: skip
    event = QueuedEvent(
        id=event_id,
        arn=FunctionArn(region=region, account=account, name=name, qualifier=qualifier),
        request_id=request_id,
        accepted_ms=accepted_ms,
        due_ms=due_ms,
        failures=failures,
        refusals=refusals,
        sealed_bytes=len(sealed),
    )
    return SealedEvent(event=event, key_id=key_id, sealed=sealed)
