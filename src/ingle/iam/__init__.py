"""Principals, roles, sessions and policy evaluation, as pure functions."""

from ingle.iam.principal import AccessKey, new_root_access_key, root_arn

__all__ = ["AccessKey", "new_root_access_key", "root_arn"]
