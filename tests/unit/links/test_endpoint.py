"""Clients find their peers by a path, or by host, port and TLS, in which each side shows a certificate."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ingle.links.endpoint import Endpoint
from ingle.links.tokens import is_linked
from ingle.transport import ConnectionFailedError, Exchange, TcpAddress, serve_http, tcp_listener


def certify(folder: Path) -> str:
    """Return a file with a key and a certificate for it, which is its own authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ingle")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "both.pem").write_bytes(plain + certificate.public_bytes(pem))
    return str(folder / "both.pem")


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context; each asks for the other's certificate."""
    certificate = certify(folder)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=certificate)
    for context in (server, client):
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_cert_chain(certificate)
    return server, client


async def test_a_peer_on_another_machine_is_reached_by_tls_on_both_sides(tmp_path: Path) -> None:
    server_context, client_context = contexts(tmp_path)
    listener = tcp_listener("127.0.0.1", 0)
    port = listener.getsockname()[1]

    async def answers(exchange: Exchange) -> None:
        assert exchange.tls is not None
        exchange.respond(200 if is_linked(exchange.headers, b"secret") else 403, (), await exchange.read(10))

    server = await serve_http(answers, listener, ssl=server_context)
    try:
        client = Endpoint(address=TcpAddress(host="127.0.0.1", port=port, tls=client_context), token="secret").connect()
        answer = await client.request(b"POST", b"/", (), b"body")
        assert (answer.status, await answer.read(10)) == (200, b"body")
        client.close()
        stranger = TcpAddress(host="127.0.0.1", port=port, tls=ssl.create_default_context())
        with pytest.raises(ConnectionFailedError, match=f"127.0.0.1:{port}"):
            await Endpoint(address=stranger).connect().request(b"GET", b"/")
    finally:
        await server.drain(0)


def test_an_endpoint_does_not_show_its_token() -> None:
    assert repr(Endpoint(address="/run/w.sock", token="secret")) == "Endpoint('/run/w.sock')"
