"""Function URLs, as they are stored (API reference, section 11)."""

import secrets

import msgspec

from ingle.values import Cors

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_LENGTH = 32


class FunctionUrl(msgspec.Struct, frozen=True, kw_only=True):
    """The URL of a function's `$LATEST` or of one of its aliases; its id never changes."""

    url_id: str
    auth_type: str
    invoke_mode: str = "BUFFERED"
    cors: Cors | None = None
    created_ms: int
    modified_ms: int


def new_url_id() -> str:
    """Return a fresh id that nobody can guess, in AWS's form: 32 letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
