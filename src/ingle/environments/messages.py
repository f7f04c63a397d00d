"""What gateway, worker and control say to each other about environments; JSON over their links."""

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


class ProvisionedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Control to gateway, POST /provisioned: what is there of a function's provisioned concurrency?"""

    account: str
    region: str
    function: str


class ProvisionedLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How many environments of a version are initialised and kept so; the answer is a list of them.

    `failure` is AWS's reason where one could not be initialised lately.
    """

    version: str
    ready: int
    failure: str = ""


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


class SigningKeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Gateway to control, POST /signing-keys."""

    access_key_id: str
    session_token: str | None
    date: str
    region: str
    service: str


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request."""

    arn: str
    account: str
    is_root: bool


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs for one day, region and service, and whose it is."""

    key: bytes
    principal: Principal
    expires_at_ms: int | None = None
    """When the session ends that it signs for; None for the root's key."""

    def __repr__(self) -> str:
        return f"SigningKey({self.principal})"
