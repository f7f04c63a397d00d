"""What every store of chunks keeps to."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ingle.artifacts import ChunkMissingError, ChunkStore, FileChunks, MemoryChunks

NAME = hashlib.sha256(b"one").hexdigest()
OTHER = hashlib.sha256(b"two").hexdigest()
STORES: dict[str, Callable[[Path], ChunkStore]] = {
    "files": lambda folder: FileChunks(folder / "chunks"),
    "memory": lambda _: MemoryChunks(),
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ChunkStore:
    """A store of each kind in turn."""
    return STORES[request.param](tmp_path)


def test_a_chunk_comes_back_as_it_was_put(store: ChunkStore) -> None:
    store.put(NAME, b"sealed")
    assert store.get(NAME) == b"sealed"


def test_every_operation_may_be_repeated(store: ChunkStore) -> None:
    for _ in range(2):
        store.put(NAME, b"sealed")
    for _ in range(2):
        store.delete(NAME)
    with pytest.raises(ChunkMissingError):
        store.get(NAME)


def test_what_is_not_there_is_missing(store: ChunkStore) -> None:
    with pytest.raises(ChunkMissingError):
        store.get(OTHER)


def test_the_names_are_those_of_what_was_put_and_not_deleted(store: ChunkStore) -> None:
    store.put(NAME, b"1")
    store.put(OTHER, b"2")
    assert set(store.names()) == {NAME, OTHER}
    store.delete(NAME)
    assert set(store.names()) == {OTHER}


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "a/b", NAME.upper(), NAME[:-1], NAME + "/", NAME + "\n"])
def test_a_name_that_is_none_reaches_no_file(tmp_path: Path, name: str) -> None:
    files = FileChunks(tmp_path)
    for act in (lambda: files.put(name, b"x"), lambda: files.get(name), lambda: files.delete(name)):
        with pytest.raises(ChunkMissingError):
            act()
    assert list(tmp_path.iterdir()) == []


def test_a_draft_that_a_crash_left_is_no_chunk_and_goes(tmp_path: Path) -> None:
    files = FileChunks(tmp_path)
    files.put(NAME, b"sealed")
    (tmp_path / NAME[:2] / "tmpdraft").write_bytes(b"half")
    assert list(files.names()) == [NAME]
    assert [path.name for path in (tmp_path / NAME[:2]).iterdir()] == [NAME]


def test_what_is_set_aside_is_missing_until_it_is_taken_back(store: ChunkStore) -> None:
    for _ in range(2):
        store.put(NAME, b"sealed")
        store.set_aside(NAME, 5_000)
        store.set_aside(OTHER, 5_000)
        with pytest.raises(ChunkMissingError):
            store.get(NAME)
        assert (list(store.names()), store.aside()) == ([], {NAME: 5_000})
        store.take_back(NAME)
        store.take_back(NAME)
        assert (store.get(NAME), store.aside()) == (b"sealed", {})
    store.set_aside(NAME, 6_000)
    for _ in range(2):
        store.delete_aside(NAME)
        store.take_back(NAME)
    assert (list(store.names()), store.aside()) == ([], {})
