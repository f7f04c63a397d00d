"""Signs archives for `ingle sign`, and keeps the publisher's key in a file."""

import os
import re
import time
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ingle.app.config import ConfigurationError
from ingle.artifacts import ArchiveError, describe_publisher, sign_archive

_PROFILE = re.compile(r"[a-zA-Z0-9_]{2,64}")


def sign_file(archive: Path, key_file: Path, output: Path, profile: str, days: int | None, *, new_key: bool) -> str:
    """Sign an archive and return the ARN of the signing profile's version; region and account in it count for nothing.

    Raises ConfigurationError.
    """
    if not _PROFILE.fullmatch(profile):
        raise ConfigurationError("a profile's name has 2 to 64 letters, digits and underscores")
    key = _make_key(key_file) if new_key else _load_key(key_file)
    expires_ms = None if days is None else int(time.time() * 1000) + days * 86_400_000
    try:
        signed = sign_archive(archive.read_bytes(), key, profile=profile, job=str(uuid.uuid4()), expires_ms=expires_ms)
        draft = output.with_name(output.name + ".new")
        draft.write_bytes(signed)
        draft.rename(output)
    except (OSError, ArchiveError) as error:
        raise ConfigurationError(f"{archive} can't be signed: {getattr(error, 'detail', error)}") from None
    return f"arn:aws:signer:us-east-1:000000000000:{describe_publisher(key.public_key(), profile)}"


def _make_key(path: Path) -> Ed25519PrivateKey:
    """Make a key in a file that nobody else may read; never over another."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise ConfigurationError(f"no key can be made in {path}: {error.strerror}") from None
    return key


def _load_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError:
        raise ConfigurationError(f"{path} can't be read; --new-key makes a key there") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} holds no Ed25519 private key")
    return key
