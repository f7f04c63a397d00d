"""The two ways in which bytes are sealed and opened: under a data key, and convergently."""

from ingle.sealing.aead import OVERHEAD_BYTES, OpenError, open_sealed, seal
from ingle.sealing.context import EncryptionContext, canonical_context
from ingle.sealing.data_key import DataKey, new_data_key

__all__ = [
    "OVERHEAD_BYTES",
    "DataKey",
    "EncryptionContext",
    "OpenError",
    "canonical_context",
    "new_data_key",
    "open_sealed",
    "seal",
]
