"""The metadata store on a real SQLite file."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ingle.functions import Code, Function, FunctionExistsError, Version
from ingle.store import FunctionRepository, LogGroupRepository, LogGroupRow, open_database

CODE = Code(sha256="c2hh", size_bytes=3, wrapped_key=b"w", zip_manifest=b"{}")


def function(name: str, region: str = "us-east-1", **settings: Any) -> Function:
    latest = Version(version="$LATEST", runtime="python3.11", role="r", handler="a.h", code=CODE, **settings)
    return Function(account="000000000000", region=region, name=name, versions={"$LATEST": latest})


def test_a_database_is_made_with_a_write_ahead_log_and_opened_again_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "metadata.sqlite"
    database = open_database(path)
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert path.stat().st_mode & 0o777 == 0o600
    FunctionRepository(database).add(function("kept"))
    version = database.execute("PRAGMA user_version").fetchone()
    database.close()
    again = open_database(path)
    assert again.execute("PRAGMA user_version").fetchone() == version
    assert [one.name for one in FunctionRepository(again).every()] == ["kept"]
    again.close()


@pytest.fixture
def repository(tmp_path: Path) -> FunctionRepository:
    return FunctionRepository(open_database(tmp_path / "metadata.sqlite"))


def test_a_function_comes_back_as_it_was_put(repository: FunctionRepository) -> None:
    made = function("f", description="d")
    repository.add(made)
    assert repository.find("000000000000", "us-east-1", "f") == made
    changed = made.with_version(made.latest.replace(description="e"))
    repository.save(changed)
    assert repository.find("000000000000", "us-east-1", "f") == changed
    repository.remove("000000000000", "us-east-1", "f")
    assert repository.find("000000000000", "us-east-1", "f") is None


def test_a_name_is_taken_once_in_each_region(repository: FunctionRepository) -> None:
    repository.add(function("f"))
    repository.add(function("f", region="eu-west-1"))
    with pytest.raises(FunctionExistsError):
        repository.add(function("f"))


def test_saving_what_was_deleted_brings_nothing_back(repository: FunctionRepository) -> None:
    repository.save(function("gone"))
    assert list(repository.every()) == []


def test_pages_follow_each_other_by_name(repository: FunctionRepository) -> None:
    for name in ("b", "a", "d", "c"):
        repository.add(function(name))
    first = repository.page("000000000000", "us-east-1", "", 3)
    assert [one.name for one in first] == ["a", "b", "c"]
    assert [one.name for one in repository.page("000000000000", "us-east-1", "c", 3)] == ["d"]


def test_log_groups_come_back_and_hide_their_key(tmp_path: Path) -> None:
    groups = LogGroupRepository(open_database(tmp_path / "metadata.sqlite"))
    row = LogGroupRow(account="0", region="r", name="/aws/lambda/f", id="1", created_ms=5, wrapped_key=b"secret")
    groups.add(row)
    assert groups.every() == [row]
    assert "secret" not in repr(row)


def test_a_group_that_could_not_be_removed_is_whole_and_holds_no_other_write_back(tmp_path: Path) -> None:
    database = open_database(tmp_path / "metadata.sqlite")
    groups = LogGroupRepository(database)
    row = LogGroupRow(account="0", region="r", name="g", id="1", created_ms=5, wrapped_key=b"secret")
    groups.add(row)
    groups.add_stream("1", "s", 6)
    database.execute("CREATE TRIGGER full BEFORE DELETE ON log_groups BEGIN SELECT RAISE(FAIL, 'disk is full'); END")
    with pytest.raises(sqlite3.Error):
        groups.remove("1")
    assert not database.in_transaction
    assert (groups.every(), groups.streams("1")) == ([row], {"s": 6})
