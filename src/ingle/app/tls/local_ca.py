"""The certificate for `--https-port`: from a certificate authority of this installation alone, or the user's own.

`tls/server.pem` holds key and certificate, so that one rename replaces both. It is made anew when its names change and
before it ends, and always signed by the same authority: who trusts `tls/ca.pem` trusts its successor. The authority's
key is sealed under the root key, in a folder that the gateway cannot read.
"""

import dataclasses
import datetime
import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ingle.app.config import ConfigurationError
from ingle.app.tls.tls_names import Address
from ingle.keys import RootKey
from ingle.sealing import OpenError

_CA_DAYS = 3650
_DAYS = 397
"""For so long public authorities may certify; some clients take no longer one from a private authority either."""
_RENEW_DAYS = 30
_CONTEXT = {"ingle:object": "certificate-authority"}
_NO_USAGE = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
     "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A certificate authority that can sign."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class CertificateFolder:
    """`tls` of a data directory, kept current; `root` seals the authority's key."""

    def __init__(self, data_dir: Path, root: RootKey) -> None:
        self._ca_file = data_dir / "tls" / "ca.pem"
        self._server_file = data_dir / "tls" / "server.pem"
        self._key_file = data_dir / "ca" / "key.sealed"
        self._root = root

    def keep(self, names: list[str], addresses: list[Address], now: datetime.datetime) -> str | None:
        """Make the certificate where it doesn't serve any more; return what was made in words, None for nothing.

        Raises ConfigurationError where the authority's key doesn't open.
        """
        authority = self._load_authority(now)
        if authority is not None and not _needs_renewal(
            self._load(self._server_file), authority, names, addresses, now
        ):
            return None
        is_new = authority is None
        if authority is None:
            authority = self._make_authority(now)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certify(authority, key, names, addresses, now)
        _replace(self._server_file, _key_pem(key) + _pem(certificate), 0o600)
        return "a new certificate authority, and a certificate" if is_new else "a new certificate"

    def _load_authority(self, now: datetime.datetime) -> Authority | None:
        """Return the authority; None where there is none, or none that outlives a certificate from now."""
        certificate = self._load(self._ca_file)
        if certificate is None or not self._key_file.exists():
            return None
        if certificate.not_valid_after_utc < now + datetime.timedelta(days=_DAYS):
            return None
        try:
            pem = self._root.unwrap(self._key_file.read_bytes(), _CONTEXT)
        except OpenError:
            raise ConfigurationError(
                f"{self._key_file} doesn't open under this root key: remove it for a new certificate authority"
            ) from None
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            return None
        return Authority(certificate=certificate, key=key)

    def _load(self, path: Path) -> x509.Certificate | None:
        try:
            return x509.load_pem_x509_certificate(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return None

    def _make_authority(self, now: datetime.datetime) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ingle local CA")])
        certificate = (
            _builder(now, _CA_DAYS)
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**{**_NO_USAGE, "key_cert_sign": True, "crl_sign": True}), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _replace(self._key_file, self._root.wrap(_key_pem(key), _CONTEXT), 0o600)
        _replace(self._ca_file, _pem(certificate), 0o644)
        return Authority(certificate=certificate, key=key)


def use_own_certificate(data_dir: Path, certificate: Path, key: Path) -> bool:
    """Have the user's certificate (with its chain) and key serve; return whether they are others than before.

    Raises ConfigurationError where they can't be read or don't belong together.
    """
    try:
        chain, pem = certificate.read_bytes(), key.read_bytes()
        leaf = x509.load_pem_x509_certificates(chain)[0]
        private = serialization.load_pem_private_key(pem, password=None)
    except OSError as error:
        raise ConfigurationError(f"{error.filename} can't be read: {error.strerror}") from None
    except (ValueError, TypeError, IndexError):
        raise ConfigurationError(f"{certificate} and {key} are not a certificate and its plain key, as PEM") from None
    if private.public_key() != leaf.public_key():
        raise ConfigurationError(f"{key} is not the key of {certificate}")
    content = pem.rstrip() + b"\n" + chain
    held = data_dir / "tls" / "server.pem"
    if held.exists() and held.read_bytes() == content:
        return False
    _replace(held, content, 0o600)
    return True


def _needs_renewal(
    held: x509.Certificate | None,
    authority: Authority,
    names: list[str],
    addresses: list[Address],
    now: datetime.datetime,
) -> bool:
    if held is None or held.issuer != authority.certificate.subject:
        return True
    if held.not_valid_after_utc < now + datetime.timedelta(days=_RENEW_DAYS):
        return True
    try:
        held.verify_directly_issued_by(authority.certificate)
        named = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return True
    is_same = set(named.get_values_for_type(x509.DNSName)) == set(names)
    return not (is_same and set(named.get_values_for_type(x509.IPAddress)) == set(addresses))


def _certify(
    authority: Authority, key: ec.EllipticCurvePrivateKey, names: list[str], addresses: list[Address],
    now: datetime.datetime,
) -> x509.Certificate:  # fmt: skip
    known: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    known += [x509.IPAddress(address) for address in addresses]
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        _builder(now, _DAYS)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ingle")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(known), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**{**_NO_USAGE, "digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(now: datetime.datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .serial_number(x509.random_serial_number())
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _replace(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
