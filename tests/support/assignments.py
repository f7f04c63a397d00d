"""An assignment as control gives it, for the tests of what a worker makes of it."""

from typing import Any

from ingle.environments import Assignment, RoleCredentials, VersionKey

KEY = VersionKey(account="000000000000", region="eu-west-1", function="f", version="3", revision="r")
CREDENTIALS = RoleCredentials(
    access_key_id="ASIASAMPLE", secret_access_key="s3cret", session_token="t0ken", expires_at_ms=1_700_000_000_000
)


def sample_assignment(**changes: Any) -> Assignment:
    """Return an assignment of version 3 of `f`, with `changes`."""
    fields: dict[str, Any] = {
        "version": KEY, "runtime": "python3.11", "handler": "app.handler", "timeout_s": 3, "memory_mib": 256,
        "ephemeral_mib": 512, "environment": {}, "log_group": "/aws/lambda/f", "manifest": b"", "data_key": b"k" * 32,
        "context": {}, "credentials": CREDENTIALS, "expires_at_ms": 0,
    }  # fmt: skip
    return Assignment(**{**fields, **changes})
