"""Sealing under a data key: AES-256-GCM with a random 96-bit nonce and the encryption context as authenticated data.

A sealed object is one format byte, the nonce, then ciphertext and tag. A data key seals one object and its parts, far
fewer than the 2^32 seals up to which random nonces are sound (NIST SP 800-38D, 8.3).
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingle.sealing.context import EncryptionContext, canonical_context
from ingle.sealing.data_key import DataKey
from ingle.values import IngleError

_FORMAT = b"\x01"
_NONCE_BYTES = 12
OVERHEAD_BYTES = 1 + _NONCE_BYTES + 16


class OpenError(IngleError):
    """Sealed bytes are not what was sealed under this key and context."""


def seal(plaintext: bytes, key: DataKey, context: EncryptionContext) -> bytes:
    """Encrypt and authenticate; the result is 29 bytes longer than `plaintext`."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCM(key.secret).encrypt(nonce, plaintext, _FORMAT + canonical_context(context))


def open_sealed(sealed: bytes, key: DataKey, context: EncryptionContext) -> bytes:
    """Verify and decrypt. Raises OpenError for another key or context, or for changed bytes."""
    if len(sealed) < OVERHEAD_BYTES or sealed[:1] != _FORMAT:
        raise OpenError("not a sealed object")
    try:
        return AESGCM(key.secret).decrypt(
            sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], _FORMAT + canonical_context(context)
        )
    except InvalidTag:
        raise OpenError("sealed bytes do not open under this key and context") from None
