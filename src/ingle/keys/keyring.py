"""Data keys under the root key."""

from ingle.keys.root.contract import RootKey
from ingle.sealing import DataKey, EncryptionContext, new_data_key


class Keyring:
    """Makes data keys and gives them back from their wrapped form."""

    def __init__(self, root: RootKey) -> None:
        self._root = root

    def generate_data_key(self, context: EncryptionContext) -> tuple[DataKey, bytes]:
        """Return a fresh data key and its wrapped form, which is safe to store beside what the key seals."""
        key = new_data_key()
        return key, self._root.wrap(key.secret, context)

    def unwrap(self, wrapped: bytes, context: EncryptionContext) -> DataKey:
        """Return the data key of a wrapped form. Raises OpenError for another context."""
        return DataKey(self._root.unwrap(wrapped, context))

    def derive_key(self, purpose: str) -> bytes:
        """Return the key for one purpose, the same after every restart."""
        return self._root.derive(purpose)
