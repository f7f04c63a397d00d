"""Code signing configs: whose signatures a function's code and layers must have (API reference, section 11)."""

import re

import msgspec

from ingle.artifacts import CodeSignature
from ingle.functions.errors import CodeVerificationFailedError, InvalidCodeSignatureError, InvalidSettingError

_PUBLISHER = re.compile(r"arn:aws[a-zA-Z-]*:signer:[a-z0-9-]+:[0-9]{12}:/signing-profiles/.+")


class CodeSigningConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The publishers to trust, and what to do about code that none of them signed."""

    account: str
    region: str
    id: str
    publishers: tuple[str, ...]
    """ARNs of signing profiles; those trust somebody that end with a profile's name and its key's fingerprint."""
    policy: str = "Warn"
    description: str | None = None
    last_modified_ms: int = 0
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:code-signing-config:{self.id}"

    def check(self, signature: CodeSignature | None, now_ms: int) -> bool:
        """Return whether code with this signature is trusted; where it isn't, it may be deployed all the same.

        Raises InvalidCodeSignatureError for a signature that is broken, which no policy lets pass, and
        CodeVerificationFailedError where the policy is to enforce signatures.
        """
        if signature is not None and not signature.is_intact:
            raise InvalidCodeSignatureError
        if signature is not None and self._trusts(signature, now_ms):
            return True
        if self.policy == "Enforce":
            raise CodeVerificationFailedError
        return False

    def _trusts(self, signature: CodeSignature, now_ms: int) -> bool:
        name = f"/signing-profiles/{signature.profile}/{signature.fingerprint}"
        is_allowed = any(publisher.partition("/")[2] == name[1:] for publisher in self.publishers)
        return is_allowed and (signature.expires_ms is None or now_ms < signature.expires_ms)


def check_publishers(publishers: list[str]) -> tuple[str, ...]:
    """Return the ARNs of trusted publishers. Raises InvalidSettingError for what is none."""
    for publisher in publishers:
        if not _PUBLISHER.fullmatch(publisher):
            raise InvalidSettingError(f"{publisher} is not the ARN of a signing profile.")
    return tuple(publishers)
