"""Principals, roles, sessions and policy evaluation, as pure functions."""

from ingle.iam.principal import AccessKey, Principal, new_root_access_key, root_arn, unique_id
from ingle.iam.session import RoleSession, assumed_role_arn, function_session_name, new_role_session

__all__ = [
    "AccessKey",
    "Principal",
    "RoleSession",
    "assumed_role_arn",
    "function_session_name",
    "new_role_session",
    "new_root_access_key",
    "root_arn",
    "unique_id",
]
