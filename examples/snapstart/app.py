"""A function that SnapStart initialises once: what is slow happens before the snapshot, what must be fresh after it."""

import sqlite3
import time

from snapshot_restore_py import register_after_restore, register_before_snapshot

started = time.time()
words = {number: f"word {number}" for number in range(200_000)}  # slow to make, ready in each copy
database: sqlite3.Connection | None = None
restored = started


@register_before_snapshot
def let_go() -> None:
    """Close what a copy must not share."""
    if database is not None:
        database.close()


@register_after_restore
def take_up() -> None:
    """Open it again, and note what the time is now."""
    global database, restored
    database = sqlite3.connect("/tmp/words.sqlite")
    database.execute("create table if not exists asked (number integer)")
    restored = time.time()


def handler(event, context):
    if database is None:
        take_up()
    number = event.get("number", 7)
    database.execute("insert into asked values (?)", (number,))
    asked = database.execute("select count(*) from asked").fetchone()[0]
    return {"word": words[number], "asked": asked, "initialised_before_restore": started < restored}
