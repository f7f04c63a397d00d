"""Whose an access key is, and the secret that it signs with."""

import dataclasses

from ingle.control.identity.role_sessions import RoleSessions
from ingle.iam import AccessKey, Principal, root_arn


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose a key is."""

    principal: Principal
    secret_access_key: str = dataclasses.field(repr=False)
    expires_at_ms: int | None = None
    """When the session ends; None for the root, who has none."""


class Identities:
    """The root of the account, by its access key, and the sessions of execution roles, by their tokens."""

    def __init__(self, root: AccessKey, sessions: RoleSessions) -> None:
        self._root = root
        self._sessions = sessions

    def find(self, access_key_id: str, session_token: str | None) -> Identity | None:
        """Return whose a key is, None for one that nobody has. Raises SessionExpiredError."""
        if session_token is not None:
            session = self._sessions.find(access_key_id, session_token)
            if session is None:
                return None
            principal = Principal(arn=session.arn, account=session.account_id, is_root=False)
            return Identity(
                principal=principal,
                secret_access_key=session.secret_access_key,
                expires_at_ms=session.expires_at_ms,
            )
        root = self._root
        if access_key_id != root.access_key_id:
            return None
        principal = Principal(arn=root_arn(root.account_id), account=root.account_id, is_root=True)
        return Identity(principal=principal, secret_access_key=root.secret_access_key)
