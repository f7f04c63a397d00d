"""Temporary credentials of execution roles: known by their token alone, for twelve hours, whatever control does."""

import base64
from pathlib import Path

import pytest

from ingle.control.identity.role_sessions import SESSION_MS, RoleSessions, SessionExpiredError
from ingle.iam import assumed_role_arn, function_session_name
from ingle.keys import FileRootKey, Keyring
from ingle.store import SessionKeyRepository, open_database

ROLE = "arn:aws:iam::000000000000:role/service/worker"
DAY_MS = 24 * 60 * 60 * 1000


class Clock:
    now = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now * 10**6


class Control:
    """What a control that starts on `folder` knows of sessions."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.database = open_database(folder / "metadata.sqlite")
        keys = SessionKeyRepository(self.database)
        self.sessions = RoleSessions(keys, Keyring(FileRootKey(folder / "root.key")), self.clock)
        self.keys = keys


def test_a_session_is_known_by_its_token_after_a_restart_too(tmp_path: Path) -> None:
    given = Control(tmp_path).sessions.begin(ROLE, "f")
    found = Control(tmp_path).sessions.find(given.access_key_id, given.session_token)
    assert found is not None
    assert found.arn == "arn:aws:sts::000000000000:assumed-role/worker/f@lambda_function"
    assert found.secret_access_key == given.secret_access_key


def test_no_changed_token_and_no_other_key_is_known(tmp_path: Path) -> None:
    sessions = Control(tmp_path).sessions
    given, other = sessions.begin(ROLE, "f"), sessions.begin(ROLE, "g")
    raw = bytearray(base64.b64decode(given.session_token))
    raw[-1] ^= 1
    for token in (base64.b64encode(raw).decode(), given.session_token[:-4], "", "AAAA", "no base64", "é"):
        assert sessions.find(given.access_key_id, token) is None
    assert sessions.find(other.access_key_id, given.session_token) is None


def test_a_session_ends(tmp_path: Path) -> None:
    control = Control(tmp_path)
    given = control.sessions.begin(ROLE, "f")
    control.clock.now += SESSION_MS - 1
    assert control.sessions.find(given.access_key_id, given.session_token)
    control.clock.now += 1
    with pytest.raises(SessionExpiredError):
        control.sessions.find(given.access_key_id, given.session_token)


def test_the_key_that_seals_is_made_anew_each_day_and_ends_after_its_last_session(tmp_path: Path) -> None:
    control = Control(tmp_path)
    begun = control.clock.now
    first = control.sessions.begin(ROLE, "f")
    control.clock.now = begun + DAY_MS - 1
    last = control.sessions.begin(ROLE, "f")
    control.clock.now = begun + DAY_MS
    control.sessions.begin(ROLE, "f")
    assert [made for made, _ in control.keys.every()] == [begun, begun + DAY_MS]
    assert control.sessions.find(last.access_key_id, last.session_token)
    control.clock.now = begun + 2 * DAY_MS
    control.sessions.begin(ROLE, "f")
    assert [made for made, _ in control.keys.every()] == [begun + DAY_MS, begun + 2 * DAY_MS]
    assert control.sessions.find(first.access_key_id, first.session_token) is None


def test_a_session_is_named_after_its_function() -> None:
    assert function_session_name("f") == "f@lambda_function"
    assert function_session_name("fn") == "fn"
    assert assumed_role_arn("arn:aws-cn:iam::1:role/r", "fn") == "arn:aws-cn:sts::1:assumed-role/r/fn"
