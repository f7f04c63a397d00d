"""The root key in a file of mode 0600."""

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ingle.sealing import DataKey, EncryptionContext, new_data_key, open_sealed, seal
from ingle.values import InstallationError


class RootKeyError(InstallationError):
    """The root key's file can't be trusted or read."""


class FileRootKey:
    """A root key that is read from a file; made there, at random, where the file is not yet."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            _create(path)
        self._key = DataKey(_read(path))

    def wrap(self, secret: bytes, context: EncryptionContext) -> bytes:
        return seal(secret, self._key, {**context, "ingle:purpose": "data-key"})

    def unwrap(self, wrapped: bytes, context: EncryptionContext) -> bytes:
        return open_sealed(wrapped, self._key, {**context, "ingle:purpose": "data-key"})

    def derive(self, purpose: str) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt=None, info=b"ingle:" + purpose.encode()).derive(self._key.secret)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # of mode 0600
    with os.fdopen(descriptor, "wb") as file:
        file.write(new_data_key().secret)
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):  # another has made the file meanwhile: then that is the key
        os.link(draft, path)
    os.unlink(draft)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _read(path: Path) -> bytes:
    try:
        return _read_trusted(path)
    except OSError as error:
        raise RootKeyError(f"{path} can't be read: {error.strerror}") from None


def _read_trusted(path: Path) -> bytes:
    folder = path.parent.stat()
    if folder.st_mode & 0o022 or folder.st_uid not in (0, os.geteuid()):
        raise RootKeyError(f"{path.parent} must belong to the user who runs Ingle, and nobody else may write in it")
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid != os.geteuid():
            raise RootKeyError(f"{path} must belong to the user who runs Ingle and have mode 0600")
        secret = file.read(64)
    if len(secret) != 32:
        raise RootKeyError(f"{path} is not a root key: it has {len(secret)} bytes, not 32; restore it from a backup")
    return secret
