"""Signatures of archives: who made the code, as an entry of the archive itself.

`ingle sign` adds the entry `META-INF/ingle-signature.json`; control reads it when code or a layer is uploaded. It holds the
publisher's Ed25519 public key (RFC 8032) and a signature of two things: what the signature says of itself (profile, job,
expiry), and a digest of every other entry: its kind, its path and the SHA-256 of its content. How the archive is
compressed, and in which order it lies, is not signed, since it doesn't change what a function gets.

Nothing here says whom to trust: a signature under any key can be intact. A code signing config names the publishers whose
signatures count, by profile and fingerprint of the key.
"""

import hashlib
import io
import zipfile
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingle.artifacts.archive import Archive, Entry, read_archive

SIGNATURE_ENTRY = "META-INF/ingle-signature.json"
_ENTRY_LIMIT_BYTES = 4096
_PURPOSE = b"ingle code signature 1\n"


class CodeSignature(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature says; nothing of it holds where it is not intact."""

    profile: str
    fingerprint: str
    """The SHA-256 of the public key, in hexadecimal."""
    job: str
    expires_ms: int | None = None
    is_intact: bool = True


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The entry's content."""

    profile: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_]{2,64}\Z")]
    job: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,64}\Z")]
    expires_ms: int | None
    key: bytes
    signature: bytes

    def message(self, archive: Archive) -> bytes:
        """Return the bytes that are signed."""
        return _PURPOSE + msgspec.json.encode([self.profile, self.job, self.expires_ms, _digest(archive)])


def fingerprint_of(key: bytes) -> str:
    """Return the fingerprint of a raw public key."""
    return hashlib.sha256(key).hexdigest()


def read_signature(archive: Archive) -> CodeSignature | None:
    """Return an archive's signature, checked against its content; None where it has none."""
    entry = next((one for one in archive.entries if "/".join(one.path) == SIGNATURE_ENTRY), None)
    if entry is None:
        return None
    broken = CodeSignature(profile="", fingerprint="", job="", is_intact=False)
    if entry.kind != "file" or entry.size > _ENTRY_LIMIT_BYTES:
        return broken
    try:
        document = msgspec.json.decode(b"".join(archive.pieces(entry)), type=_Document)
        key = Ed25519PublicKey.from_public_bytes(document.key)
        key.verify(document.signature, document.message(archive))
    except (msgspec.DecodeError, InvalidSignature, ValueError):
        return broken
    return CodeSignature(
        profile=document.profile,
        fingerprint=fingerprint_of(document.key),
        job=document.job,
        expires_ms=document.expires_ms,
    )


def sign_archive(
    content: bytes, key: Ed25519PrivateKey, *, profile: str, job: str, expires_ms: int | None = None
) -> bytes:
    """Return a zip with its signature, instead of any that it had. Raises ArchiveError."""
    archive = read_archive(content)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    unsigned = _Document(profile=profile, job=job, expires_ms=expires_ms, key=public, signature=b"")
    document = msgspec.structs.replace(unsigned, signature=key.sign(unsigned.message(archive)))
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            if info.filename.removeprefix("./") != SIGNATURE_ENTRY:
                new.writestr(info, old.read(info))
        new.writestr(zipfile.ZipInfo(SIGNATURE_ENTRY), msgspec.json.encode(document))
    return made.getvalue()


def _digest(archive: Archive) -> str:
    """Return the digest of every entry but the signature, whatever their order."""
    signed = sorted((one for one in archive.entries if "/".join(one.path) != SIGNATURE_ENTRY), key=lambda one: one.path)
    lines = [[_kind(entry), list(entry.path), _content_digest(archive, entry)] for entry in signed]
    return hashlib.sha256(msgspec.json.encode(lines)).hexdigest()


def _kind(entry: Entry) -> str:
    return "executable" if entry.kind == "file" and entry.is_executable else entry.kind


def _content_digest(archive: Archive, entry: Entry) -> str:
    digest = hashlib.sha256(entry.target)
    for piece in archive.pieces(entry):
        digest.update(piece)
    return digest.hexdigest()


def describe_publisher(key: Ed25519PublicKey, profile: str) -> str:
    """Return what a signing profile version's ARN ends with for a key."""
    return f"/signing-profiles/{profile}/{fingerprint_of(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}"
