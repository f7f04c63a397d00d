"""Keys of an account's root: AWS's form, fresh each time, and never shown."""

import base64
import re

import msgspec

from ingle.iam import AccessKey, new_root_access_key, root_arn


def test_a_root_is_named_by_its_account() -> None:
    assert root_arn("123456789012") == "arn:aws:iam::123456789012:root"


def test_a_new_key_has_awss_form() -> None:
    for _ in range(100):
        key = new_root_access_key("123456789012")
        assert key.account_id == "123456789012"
        assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.access_key_id)
        assert re.fullmatch(r"[A-Za-z0-9+/]{40}", key.secret_access_key)
        assert len(base64.b64decode(key.secret_access_key)) == 30


def test_no_two_keys_are_alike() -> None:
    made = [new_root_access_key("123456789012") for _ in range(500)]
    assert len({key.access_key_id for key in made}) == len({key.secret_access_key for key in made}) == 500


def test_a_secret_is_not_shown_with_its_key() -> None:
    key = new_root_access_key("123456789012")
    for shown in (repr(key), str(key), f"{key}", f"{[key]}", f"{ ({'key': key}) }"):
        assert key.access_key_id in shown
        assert key.secret_access_key not in shown


def test_a_key_is_kept_and_read_again() -> None:
    key = new_root_access_key("123456789012")
    assert msgspec.json.decode(msgspec.json.encode(key), type=AccessKey) == key
