"""What a gateway and control tell each other."""

import msgspec

from ingle.iam import Principal


class SigningKeyRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whose signing key a gateway wants, and for what it signs."""

    access_key_id: str
    session_token: str | None
    date: str
    region: str
    service: str


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs for one day, region and service, and whose it is."""

    key: bytes
    principal: Principal
    expires_at_ms: int | None = None
    """When the session ends that it signs for; None for the root's key."""

    def __repr__(self) -> str:
        return f"SigningKey({self.principal})"


class ProvisionedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The function whose provisioned concurrency control asks after."""

    account: str
    region: str
    function: str


class ProvisionedLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How many environments of a version are initialised and kept so.

    `failure` is AWS's reason where one could not be initialised lately.
    """

    version: str
    ready: int
    failure: str = ""


class DeliveryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a function has answered to an event."""

    executed_version: str
    function_error: str = ""
    payload: bytes = b""
    """Empty where control wants none of it; of one that is larger than an event may be, only the beginning."""
