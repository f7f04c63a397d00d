"""The port of the root key: it wraps and unwraps other keys and never leaves its driver."""

from typing import Protocol

from ingle.sealing import EncryptionContext


class RootKey(Protocol):
    """Wraps small secrets; both operations may be repeated without harm."""

    def wrap(self, secret: bytes, context: EncryptionContext) -> bytes:
        """Seal `secret` with `context` as authenticated data."""
        ...

    def unwrap(self, wrapped: bytes, context: EncryptionContext) -> bytes:
        """Return what `wrap` was given. Raises OpenError for another context or changed bytes."""
        ...

    def derive(self, purpose: str) -> bytes:
        """Return a 256-bit key for one purpose, always the same, which tells nothing of the root key (RFC 5869)."""
        ...
