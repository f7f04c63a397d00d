"""Temporary credentials of execution roles.

A session is sealed into its own token, so that nobody keeps a list of them and they outlive control. The key that seals
is made anew each day; one that has sealed nothing for as long as a session lasts is destroyed, and with it whatever may
still be about of those sessions.
"""

import base64
import binascii
import struct

import msgspec

from ingle.environments import RoleCredentials
from ingle.iam import RoleSession, function_session_name, new_role_session
from ingle.keys import Keyring
from ingle.sealing import DataKey, OpenError, open_sealed, seal
from ingle.store import SessionKeyRepository
from ingle.values import Clock, IngleError

SESSION_MS = 12 * 60 * 60 * 1000
"""How long credentials are good for: an environment keeps those that it was made with."""
_KEY_MS = 24 * 60 * 60 * 1000
_CONTEXT = {"ingle:object": "role-session"}
_CREATED = struct.Struct(">q")


class SessionExpiredError(IngleError):
    """The credentials were good, and are no more."""


class RoleSessions:
    """Begins sessions and knows them again by their token."""

    def __init__(self, repository: SessionKeyRepository, keyring: Keyring, clock: Clock) -> None:
        self._repository = repository
        self._keyring = keyring
        self._clock = clock
        self._keys = {made: keyring.unwrap(wrapped, _key_context(made)) for made, wrapped in repository.every()}

    def begin(self, role_arn: str, function: str) -> RoleCredentials:
        """Return credentials of a function's execution role, good for `SESSION_MS`."""
        now = self._clock.now_ms()
        session = new_role_session(role_arn, function_session_name(function), now + SESSION_MS)
        made, key = self._current_key(now)
        token = _CREATED.pack(made) + seal(msgspec.msgpack.encode(session), key, _CONTEXT)
        return RoleCredentials(
            access_key_id=session.access_key_id,
            secret_access_key=session.secret_access_key,
            session_token=base64.b64encode(token).decode(),
            expires_at_ms=session.expires_at_ms,
        )

    def find(self, access_key_id: str, token: str) -> RoleSession | None:
        """Return the session of a token, None where it is none of ours. Raises SessionExpiredError."""
        try:
            raw = base64.b64decode(token, validate=True)
            key = self._keys[_CREATED.unpack_from(raw)[0]]
            session = msgspec.msgpack.decode(open_sealed(raw[_CREATED.size :], key, _CONTEXT), type=RoleSession)
        except (binascii.Error, ValueError, struct.error, KeyError, OpenError):
            return None
        if session.access_key_id != access_key_id:
            return None
        if session.expires_at_ms <= self._clock.now_ms():
            raise SessionExpiredError
        return session

    def _current_key(self, now_ms: int) -> tuple[int, DataKey]:
        made = max(self._keys, default=0)
        if now_ms - made < _KEY_MS:
            return made, self._keys[made]
        key, wrapped = self._keyring.generate_data_key(_key_context(now_ms))
        self._repository.add(now_ms, wrapped)
        self._repository.remove_before(now_ms - _KEY_MS - SESSION_MS)
        kept = {made: key for made, key in self._keys.items() if made >= now_ms - _KEY_MS - SESSION_MS}
        self._keys = {**kept, now_ms: key}
        return now_ms, key


def _key_context(created_ms: int) -> dict[str, str]:
    return {"ingle:object": "role-session-key", "ingle:created": str(created_ms)}
