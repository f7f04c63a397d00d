"""The root key in its file, and the data keys that it wraps."""

import concurrent.futures
import os
from pathlib import Path

import pytest

from ingle.keys import FileRootKey, Keyring, RootKeyError
from ingle.sealing import OpenError

CONTEXT = {"aws:lambda:FunctionArn": "arn:f"}


def test_a_data_key_comes_back_from_its_wrapped_form_in_its_own_context_only(tmp_path: Path) -> None:
    keyring = Keyring(FileRootKey(tmp_path / "root.key"))
    key, wrapped = keyring.generate_data_key(CONTEXT)
    assert keyring.unwrap(wrapped, CONTEXT) == key
    assert key.secret not in wrapped
    with pytest.raises(OpenError):
        keyring.unwrap(wrapped, {"aws:lambda:FunctionArn": "arn:g"})
    with pytest.raises(OpenError):
        Keyring(FileRootKey(tmp_path / "other.key")).unwrap(wrapped, CONTEXT)


def test_the_file_is_made_once_with_mode_0600_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    wrapped = FileRootKey(path).wrap(b"secret", CONTEXT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert FileRootKey(path).unwrap(wrapped, CONTEXT) == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    FileRootKey(tmp_path / "root.key")
    (tmp_path / "root.key").chmod(mode)
    with pytest.raises(RootKeyError, match="0600"):
        FileRootKey(tmp_path / "root.key")


def test_a_file_of_another_length_is_no_root_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(RootKeyError, match="5 bytes"):
        FileRootKey(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root gives files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    FileRootKey(tmp_path / "root.key")
    os.chown(tmp_path / "root.key", 65534, 65534)
    with pytest.raises(RootKeyError):
        FileRootKey(tmp_path / "root.key")


def _wrap(path: Path) -> bytes:
    return FileRootKey(path).wrap(b"secret", CONTEXT)


def test_two_that_begin_at_once_end_with_one_key(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    with concurrent.futures.ProcessPoolExecutor(4) as pool:
        wrapped = list(pool.map(_wrap, [path] * 16))
    assert {FileRootKey(path).unwrap(one, CONTEXT) for one in wrapped} == {b"secret"}


def test_a_derived_key_is_the_same_after_a_restart_and_another_for_each_purpose(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    derived = Keyring(FileRootKey(path)).derive_key("one")
    assert Keyring(FileRootKey(path)).derive_key("one") == derived
    assert Keyring(FileRootKey(path)).derive_key("two") != derived
    assert Keyring(FileRootKey(tmp_path / "other.key")).derive_key("one") != derived
    assert (len(derived), derived != path.read_bytes()) == (32, True)
