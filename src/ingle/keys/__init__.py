"""Key management as KMS has it: root key, customer keys, grants, policies, rotation."""

from ingle.keys.keyring import Keyring
from ingle.keys.root.contract import RootKey
from ingle.keys.root.file import FileRootKey, RootKeyError

__all__ = ["FileRootKey", "Keyring", "RootKey", "RootKeyError"]
