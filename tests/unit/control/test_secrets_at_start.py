"""The root key and the root credentials at a start: made once, trusted only as they were made, never made anew."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ingle.control.identity.credentials import CredentialsError, load_root_credentials
from ingle.control.root_key import open_root_key
from ingle.keys import RootKeyError
from ingle.store.engine import DatabaseDamagedError, open_database, open_queue

ACCOUNT = "000000000000"


@pytest.mark.parametrize("name", ["metadata.sqlite", "queue.sqlite", "chunks/00/x", "logs/g/1"])
def test_a_root_key_is_never_made_anew_where_something_is_sealed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_text("sealed")
    with pytest.raises(RootKeyError, match="restore it from a backup"):
        open_root_key(tmp_path)
    assert not (tmp_path / "keys").exists()


def _change(path: Path) -> None:
    path.write_bytes(bytes(32))


DAMAGES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "gone": ("keys/root.key", Path.unlink, "is missing"),
    "short": ("keys/root.key", lambda path: os.truncate(path, 5), "it has 5 bytes"),
    "changed": ("keys/root.key", _change, "is not the key under which"),
    "for all to read": ("keys/root.key", lambda path: path.chmod(0o644), "mode 0600"),
    "for all to replace": ("keys", lambda path: path.chmod(0o777), "nobody else may write"),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_root_key_is_trusted_only_as_it_was_made(case: str, tmp_path: Path) -> None:
    name, damage, expected = DAMAGES[case]
    first = open_root_key(tmp_path)
    assert open_root_key(tmp_path).derive("x") == first.derive("x")
    damage(tmp_path / name)
    with pytest.raises(RootKeyError, match=expected):
        open_root_key(tmp_path)


def test_credentials_are_made_once_and_missed_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    made = load_root_credentials(path, ACCOUNT, is_new=True)
    assert load_root_credentials(path, ACCOUNT, is_new=False) == made
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match="mode 0600"):
        load_root_credentials(path, ACCOUNT, is_new=False)
    path.write_text("{")
    with pytest.raises(CredentialsError, match="damaged"):
        load_root_credentials(path, ACCOUNT, is_new=False)
    path.unlink()
    with pytest.raises(CredentialsError, match="missing"):
        load_root_credentials(path, ACCOUNT, is_new=False)


@pytest.mark.parametrize("open_one", [open_database, open_queue])
def test_what_is_no_database_or_a_later_one_is_told(open_one: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "some.sqlite"
    path.write_bytes(b"x" * 5000)
    with pytest.raises(DatabaseDamagedError, match=r"some\.sqlite is damaged"):
        open_one(path)
    assert path.read_bytes() == b"x" * 5000
    path.unlink()
    held = open_database(path)
    held.execute("PRAGMA user_version=99")
    held.close()
    with pytest.raises(DatabaseDamagedError, match="later Ingle"):
        open_one(path)
