"""Signatures of archives: what is signed, what breaks one, and whom a code signing config trusts."""

import io
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ingle.app.commands.signing import sign_file
from ingle.app.config import ConfigurationError
from ingle.artifacts import CodeSignature, describe_publisher, read_archive, read_signature, sign_archive
from ingle.artifacts.signature import SIGNATURE_ENTRY
from ingle.functions import (
    CodeSigningConfig,
    CodeVerificationFailedError,
    InvalidCodeSignatureError,
    InvalidSettingError,
    check_publishers,
)

KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
FILES: Mapping[str, bytes] = {"app.py": b"x = 1\n", "lib/": b"", "lib/b.bin": bytes(200_000)}
NOW = 1_000_000


def zip_with(files: Mapping[str, bytes], modes: Mapping[str, int] = {}, method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (
                modes.get(name, stat.S_IFDIR | 0o755 if name.endswith("/") else stat.S_IFREG | 0o644) << 16
            )
            archive.writestr(info, content, compress_type=method)
    return buffer.getvalue()


def signed(files: Mapping[str, bytes] = FILES, **settings: Any) -> bytes:
    return sign_archive(zip_with(files), KEY, **{"profile": "team", "job": "j-1", **settings})


def signature_of(content: bytes) -> CodeSignature:
    found = read_signature(read_archive(content))
    assert found is not None
    return found


def contents(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_signature_says_who_made_an_archive_and_until_when() -> None:
    assert read_signature(read_archive(zip_with(FILES))) is None
    found = signature_of(signed(expires_ms=NOW))
    publisher = describe_publisher(KEY.public_key(), "team")
    assert publisher == f"/signing-profiles/team/{found.fingerprint}"
    assert (found.profile, found.job, found.expires_ms, found.is_intact) == ("team", "j-1", NOW, True)
    assert {name: one for name, one in contents(signed()).items() if name != SIGNATURE_ENTRY} == FILES


def test_a_signature_outlives_another_packing_and_replaces_another_signature() -> None:
    packed = contents(signed())
    again = zip_with(dict(reversed(packed.items())), method=zipfile.ZIP_DEFLATED)
    assert signature_of(again).is_intact
    twice = sign_archive(signed(), OTHER, profile="other", job="j-2")
    assert signature_of(twice).profile == "other"
    assert signature_of(twice).is_intact


CHANGES: dict[str, dict[str, bytes | None]] = {
    "content": {"app.py": b"x = 2\n"},
    "one more": {"more.py": b""},
    "one less": {"app.py": None},
    "another directory": {"new/": b""},
    "another name": {"app.py": None, "App.py": b"x = 1\n"},
    "no json": {SIGNATURE_ENTRY: b"{"},
    "other json": {SIGNATURE_ENTRY: b"[]"},
    "large": {SIGNATURE_ENTRY: b" " * 5000},
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_breaks_it(change: str) -> None:
    changed = {**contents(signed()), **CHANGES[change]}
    found = signature_of(zip_with({name: one for name, one in changed.items() if one is not None}))
    assert not found.is_intact


def test_a_file_that_becomes_executable_or_a_link_breaks_it() -> None:
    held = contents(signed())
    for mode in (stat.S_IFREG | 0o755, stat.S_IFLNK | 0o777):
        assert not signature_of(zip_with({**held, "app.py": b"x = 1\n"}, {"app.py": mode})).is_intact


@pytest.mark.parametrize(
    "claim",
    [
        {"profile": "other"}, {"job": "j-2"}, {"expires_ms": NOW + 1}, {"profile": "te\nam"}, {"profile": "x" * 65},
        {"key": OTHER.public_key().public_bytes_raw()}, {"key": b""}, {"signature": bytes(64)}, {"signature": b""},
        {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_signature_says_of_itself_is_signed_too(claim: dict[str, Any]) -> None:
    held = contents(signed(expires_ms=NOW))
    document = msgspec.json.decode(held[SIGNATURE_ENTRY])
    changed = {**held, SIGNATURE_ENTRY: msgspec.json.encode({**document, **claim})}
    assert not signature_of(zip_with(changed)).is_intact


# whom to trust


def config(policy: str, *publishers: str) -> CodeSigningConfig:
    arns = tuple(f"arn:aws:signer:eu-west-1:123456789012:{publisher}" for publisher in publishers)
    return CodeSigningConfig(account="0", region="r", id="csc-1", publishers=arns, policy=policy)


def test_a_publisher_is_trusted_by_profile_and_key_until_the_signature_expires() -> None:
    trusted, found = describe_publisher(KEY.public_key(), "team"), signature_of(signed(expires_ms=NOW))
    assert config("Enforce", describe_publisher(OTHER.public_key(), "team"), trusted).check(found, NOW - 1)
    refused = [
        (config("Enforce", trusted), None, 0),
        (config("Enforce", trusted), found, NOW),
        (config("Enforce", describe_publisher(OTHER.public_key(), "team")), found, 0),
        (config("Enforce", describe_publisher(KEY.public_key(), "other")), found, 0),
        (config("Enforce"), found, 0),
    ]
    for each, signature, now_ms in refused:
        with pytest.raises(CodeVerificationFailedError):
            each.check(signature, now_ms)
        assert not msgspec.structs.replace(each, policy="Warn").check(signature, now_ms)


@pytest.mark.parametrize("policy", ["Warn", "Enforce"])
def test_a_broken_signature_passes_no_policy(policy: str) -> None:
    broken = signature_of(zip_with({**contents(signed()), "app.py": b""}))
    with pytest.raises(InvalidCodeSignatureError):
        config(policy, describe_publisher(KEY.public_key(), "team")).check(broken, 0)


def test_a_publisher_is_the_arn_of_a_signing_profiles_version() -> None:
    fine = ["arn:aws:signer:us-east-1:123456789012:/signing-profiles/my_profile/aBcDeFgHiJ"]
    assert check_publishers(fine) == tuple(fine)
    for wrong in (fine[0].replace("signer", "s3"), fine[0].partition("/")[0], "arn:aws:s3:::b"):
        with pytest.raises(InvalidSettingError):
            check_publishers([wrong])


# ingle sign


def test_a_file_is_signed_with_a_key_that_is_made_once(tmp_path: Path) -> None:
    archive, key, output = (tmp_path / name for name in ("a.zip", "key.pem", "signed.zip"))
    archive.write_bytes(zip_with(FILES))
    arn = sign_file(archive, key, output, "team", 1, new_key=True)
    assert key.stat().st_mode & 0o777 == 0o600
    assert arn == sign_file(archive, key, archive, "team", None, new_key=False)
    for path, expires in ((output, True), (archive, False)):
        found = signature_of(path.read_bytes())
        assert arn.endswith(f"/signing-profiles/team/{found.fingerprint}")
        assert (found.expires_ms is not None) is expires
    assert check_publishers([arn]) == (arn,)
    with pytest.raises(ConfigurationError, match="File exists"):
        sign_file(archive, key, output, "team", None, new_key=True)


def test_what_cannot_be_signed_is_left_as_it_was(tmp_path: Path) -> None:
    archive, key, other = (tmp_path / name for name in ("a.zip", "key.pem", "other"))
    archive.write_bytes(b"no zip")
    other.write_bytes(b"no key")
    for arguments, text in (
        ((archive, key, archive, "team", None), "--new-key makes a key"),
        ((archive, other, archive, "team", None), "holds no Ed25519 private key"),
        ((archive, other, archive, "a b", None), "a profile's name"),
    ):
        with pytest.raises(ConfigurationError, match=text):
            sign_file(*arguments, new_key=False)
    with pytest.raises(ConfigurationError, match="can't be signed: not a zip"):
        sign_file(archive, key, archive, "team", None, new_key=True)
    assert archive.read_bytes() == b"no zip"
