"""`ingle artifacts collect`: what a start would do with sealed code that nothing names, shown or done."""

import sqlite3
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ingle.app.config import ConfigurationError
from ingle.app.supervision.supervisor import lock
from ingle.artifacts import CollectionPlan, FileChunks
from ingle.control.code.code_store import plan_of_chunks
from ingle.store import FunctionRepository, LayerRepository


def collect(data_dir: Path, *, dry_run: bool) -> list[str]:
    """Return what is to be done, line by line; done unless it is a dry run. Raises ConfigurationError."""
    database = data_dir / "metadata.sqlite"
    if not database.exists():
        raise ConfigurationError(f"{database} is missing: there is nothing to collect by")
    if not dry_run:
        _held_until_exit = lock(data_dir)
    chunks, now_ms = FileChunks(data_dir / "chunks"), int(time.time() * 1000)
    plan = _plan(database, chunks, now_ms)
    if not dry_run:
        plan.execute(chunks, now_ms)
    return list(_describe(plan))


def _plan(database: Path, chunks: FileChunks, now_ms: int) -> CollectionPlan:
    try:
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            functions, layers = FunctionRepository(connection), LayerRepository(connection)
            return plan_of_chunks(chunks, list(functions.every()), list(layers.every()), now_ms)
    except sqlite3.Error as error:
        raise ConfigurationError(f"{database} can't be read: {error}") from None


def _describe(plan: CollectionPlan) -> Iterable[str]:
    kinds = (("take back", plan.take_back), ("set aside", plan.set_aside), ("delete", plan.delete))
    for verb, names in kinds:
        yield from (f"{verb:<10} {name}" for name in names)
    yield ", ".join(f"{verb}: {len(names)}" for verb, names in kinds)
