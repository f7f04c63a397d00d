"""The certificate of an installation: its names, its renewal, and one authority behind all of them."""

import datetime
import ipaddress
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from ingle.app.config import ConfigurationError
from ingle.app.tls.local_ca import CertificateFolder, use_own_certificate
from ingle.app.tls.tls_names import host_addresses, names_of
from ingle.keys import FileRootKey

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NAMES, ADDRESSES = names_of("127.0.0.1", "localhost", ["us-east-1"])


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    return CertificateFolder(tmp_path, FileRootKey(tmp_path / "root.key"))


def served(data_dir: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate((data_dir / "tls" / "server.pem").read_bytes())


def test_a_certificate_is_made_once_and_again_before_it_ends_by_the_same_authority(
    folder: CertificateFolder, tmp_path: Path
) -> None:
    assert folder.keep(NAMES, ADDRESSES, NOW) == "a new certificate authority, and a certificate"
    first, authority = served(tmp_path), (tmp_path / "tls" / "ca.pem").read_bytes()
    assert folder.keep(NAMES, ADDRESSES, NOW + 366 * DAY) is None
    assert served(tmp_path) == first
    assert folder.keep(NAMES, ADDRESSES, NOW + 368 * DAY) == "a new certificate"
    assert served(tmp_path).not_valid_after_utc > NOW + 700 * DAY
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority
    served(tmp_path).verify_directly_issued_by(x509.load_pem_x509_certificate(authority))


def test_other_names_need_another_certificate(folder: CertificateFolder, tmp_path: Path) -> None:
    folder.keep(NAMES, ADDRESSES, NOW)
    authority = (tmp_path / "tls" / "ca.pem").read_bytes()
    for host, domain in (("127.0.0.1", "example.test"), ("192.0.2.7", "localhost"), ("box.example.test", "localhost")):
        names, addresses = names_of(host, domain, ["us-east-1"])
        assert folder.keep(names, addresses, NOW) == "a new certificate"
        named = served(tmp_path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert f"*.lambda-url.us-east-1.{domain}" in named.get_values_for_type(x509.DNSName)
        assert host in (*named.get_values_for_type(x509.DNSName), *map(str, named.get_values_for_type(x509.IPAddress)))
        assert folder.keep(names, addresses, NOW) is None
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == authority


def test_who_listens_everywhere_is_named_by_the_hosts_names_and_addresses() -> None:
    everywhere = str(ipaddress.IPv4Address(0))
    names, addresses = names_of(everywhere, "localhost", [])
    assert set(host_addresses()) <= set(addresses)
    assert ipaddress.ip_address("127.0.0.1") in addresses
    assert not any(address.is_unspecified for address in addresses)
    assert everywhere not in names
    assert names_of("::", "localhost", [])[1] == addresses


def test_the_authoritys_key_is_kept_sealed_under_the_root_key(folder: CertificateFolder, tmp_path: Path) -> None:
    folder.keep(NAMES, ADDRESSES, NOW)
    sealed = tmp_path / "ca" / "key.sealed"
    assert b"PRIVATE" not in sealed.read_bytes()
    assert (
        stat.S_IMODE(sealed.stat().st_mode) == stat.S_IMODE((tmp_path / "tls" / "server.pem").stat().st_mode) == 0o600
    )
    other = CertificateFolder(tmp_path, FileRootKey(tmp_path / "other.key"))
    with pytest.raises(ConfigurationError, match=r"key\.sealed doesn't open under this root key"):
        other.keep(NAMES, ADDRESSES, NOW)
    sealed.unlink()
    assert other.keep(NAMES, ADDRESSES, NOW) == "a new certificate authority, and a certificate"


def test_strict_clients_take_the_chain(folder: CertificateFolder, tmp_path: Path) -> None:
    folder.keep(NAMES, ADDRESSES, datetime.datetime.now(datetime.UTC))
    client = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls" / "server.pem")
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (ours, theirs, ours, theirs, ours):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert ours.version() == "TLSv1.3"


def test_a_certificate_of_ones_own_is_taken_where_it_fits_its_key(folder: CertificateFolder, tmp_path: Path) -> None:
    folder.keep(NAMES, ADDRESSES, NOW)
    pem = (tmp_path / "tls" / "server.pem").read_bytes()
    at = pem.index(b"-----BEGIN CERT")
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_bytes(pem[at:] + (tmp_path / "tls" / "ca.pem").read_bytes())
    key.write_bytes(pem[:at])
    installed = tmp_path / "installed"
    assert use_own_certificate(installed, certificate, key)
    assert not use_own_certificate(installed, certificate, key)
    assert served(installed) == served(tmp_path)
    folder.keep(*names_of("192.0.2.7", "localhost", []), NOW)
    key.write_bytes((tmp_path / "tls" / "server.pem").read_bytes())
    with pytest.raises(ConfigurationError, match="is not the key of"):
        use_own_certificate(installed, certificate, key)
    key.write_text("no key")
    with pytest.raises(ConfigurationError, match="not a certificate and its plain key"):
        use_own_certificate(installed, certificate, key)
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        use_own_certificate(installed, tmp_path / "gone", key)
