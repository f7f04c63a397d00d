"""What an environment is made for, and all that it takes to run."""

import msgspec

ON_DEMAND, PROVISIONED, SNAP_START = "on-demand", "provisioned-concurrency", "snap-start"
"""What an environment can be initialised for (execution reference, section 2)."""


class VersionKey(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one function, and the revision of its code and configuration: what environments are kept by.

    Under tenant isolation, each tenant's environments are kept apart; `tenant` is empty elsewhere.
    """

    account: str
    region: str
    function: str
    version: str
    revision: str
    tenant: str = ""


class RoleCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """Temporary credentials of a function's execution role."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at_ms: int

    def __repr__(self) -> str:
        return f"RoleCredentials({self.access_key_id})"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Control's answer: everything that running this one version takes, until `expires_at_ms`."""

    version: VersionKey
    runtime: str
    handler: str
    timeout_s: int
    memory_mib: int
    ephemeral_mib: int
    environment: dict[str, str]
    log_group: str
    log_format: str = "Text"
    application_log_level: str = ""
    system_log_level: str = ""
    manifest: bytes
    opt_manifest: bytes = b""
    """The image of the layers, for /opt; empty where there is none. It is sealed under `opt_data_key`."""
    opt_data_key: bytes = b""
    extensions: list[str] = []
    """The names of the executable files directly in /opt/extensions, in order."""
    is_snap_start: bool = False
    has_template: bool = False
    """Whether environments of it are copies of a template."""
    is_isolated: bool = False
    """Whether each of them serves a single invocation."""
    credentials: RoleCredentials
    """Of one environment; the worker asks for more."""
    data_key: bytes
    context: dict[str, str]
    expires_at_ms: int
    initialization_type: str = ON_DEMAND
    """Of the environment that the worker makes by it, as in AWS_LAMBDA_INITIALIZATION_TYPE."""

    def __repr__(self) -> str:
        return f"Assignment({self.version})"


def opt_context(context: dict[str, str]) -> dict[str, str]:
    """Return the encryption context of the image of a version's layers, given that of its code."""
    return {**context, "ingle:object": "opt"}
