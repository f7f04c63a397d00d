"""Sessions of roles: who somebody is who has assumed one, with what credentials and until when."""

import base64
import os

import msgspec

_SECRET_BYTES = 30


class RoleSession(msgspec.Struct, frozen=True, kw_only=True):
    """A role that was assumed, and the temporary key that signs for it."""

    arn: str
    """As `assumed_role_arn` makes it."""
    account_id: str
    access_key_id: str
    secret_access_key: str
    expires_at_ms: int

    def __repr__(self) -> str:
        return f"RoleSession({self.arn}, {self.access_key_id})"


def assumed_role_arn(role_arn: str, session_name: str) -> str:
    """Return the ARN of a role's session; a role's path is no part of it (IAM user guide, "IAM identifiers")."""
    partition, _, _, account, resource = role_arn.split(":", 5)[1:]
    return f"arn:{partition}:sts::{account}:assumed-role/{resource.rpartition('/')[2]}/{session_name}"


def function_session_name(function: str) -> str:
    """Return the name of the session that a function runs under (execution reference, "Environment variables")."""
    return function if len(function) > 1 else f"{function}@lambda_function"


def new_role_session(role_arn: str, session_name: str, expires_at_ms: int) -> RoleSession:
    """Return a session with a fresh random key in AWS's form: `ASIA` and 16 characters, a secret of 40."""
    return RoleSession(
        arn=assumed_role_arn(role_arn, session_name),
        account_id=role_arn.split(":")[4],
        access_key_id="ASIA" + base64.b32encode(os.urandom(10)).decode(),
        secret_access_key=base64.b64encode(os.urandom(_SECRET_BYTES)).decode(),
        expires_at_ms=expires_at_ms,
    )
