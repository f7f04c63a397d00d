"""A certificate authority of this installation alone, for `--https-port`."""

import datetime
import ipaddress
import os
from pathlib import Path

import botocore.session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAYS = 820  # the longest that common TLS clients accept


def ensure_certificate(folder: Path, host: str, domain: str) -> None:
    """Make `ca.pem`, `server.pem` and `server.key` in `folder` where they are not; keys have mode 0600."""
    if (folder / "server.pem").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ingle local CA")])
    now = datetime.datetime.now(datetime.UTC)
    base = x509.CertificateBuilder().not_valid_before(now - datetime.timedelta(hours=1))
    base = base.not_valid_after(now + datetime.timedelta(days=_DAYS)).issuer_name(ca_name)
    ca = (
        base.subject_name(ca_name)
        .public_key(ca_key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        base.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ingle")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectAlternativeName(_names(host, domain)), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(folder / "server.key", _pem(key))
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))


def _names(host: str, domain: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost"), x509.DNSName("*.localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    if host not in ("127.0.0.1", "::1", "localhost"):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    regions = botocore.session.get_session().get_available_regions("lambda")
    return names + [x509.DNSName(f"*.lambda-url.{region}.{domain}") for region in regions]


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
