"""Requests as botocore's own signers sign them, and the checks that a front makes of them."""

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ingle.protocol import AwsError, sigv4

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
HOST = "lambda.eu-west-1.amazonaws.com"
BASE = f"https://{HOST}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """A request as it comes over the wire."""

    method: bytes
    target: bytes
    headers: list[sigv4.Header]
    body: bytes = b""

    def without(self, name: bytes) -> "Wire":
        return dataclasses.replace(self, headers=[header for header in self.headers if header[0] != name])

    def having(self, name: bytes, value: bytes) -> "Wire":
        return dataclasses.replace(self, headers=[*self.without(name).headers, (name, value)])

    def header(self, name: bytes) -> bytes:
        return dict(self.headers)[name]

    def replaced(self, old: bytes, new: bytes) -> "Wire":
        """Return the request with a part of its Authorization header, or else of its target, replaced."""
        if any(name == b"authorization" for name, _ in self.headers):
            assert old in self.header(b"authorization")
            return self.having(b"authorization", self.header(b"authorization").replace(old, new))
        assert old in self.target
        return dataclasses.replace(self, target=self.target.replace(old, new))


def sign(
    method: str = "POST",
    path: str = "/2015-03-31/functions/f/invocations",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    token: str | None = None,
    unsigned_payload: bool = False,
    expires_s: int | None = None,
    service: str = "lambda",
    region: str = "eu-west-1",
) -> Wire:
    """Sign by header, or by query string where `expires_s` is given."""
    request = AWSRequest(method=method, url=BASE + path, headers={**(headers or {})}, data=body)
    request.context["payload_signing_enabled"] = not unsigned_payload
    credentials = Credentials(KEY_ID, SECRET, token)
    if expires_s is None:
        botocore.auth.SigV4Auth(credentials, service, region).add_auth(request)
    else:
        botocore.auth.SigV4QueryAuth(credentials, service, region, expires=expires_s).add_auth(request)
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    made = [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers.items()]
    return Wire(method=method.encode(), target=target.encode(), headers=[(b"host", HOST.encode()), *made], body=body)


@functools.lru_cache(maxsize=256)
def signing_key(date: str, region: str, service: str) -> bytes:
    return sigv4.derive_signing_key(SECRET, date, region, service)


def check(wire: Wire, now_ms: int) -> sigv4.SignedRequest:
    """Verify in the order in which the fronts do; raises AwsError."""
    signed = sigv4.parse_authorization(wire.target, wire.headers)
    sigv4.check_time(signed, now_ms)
    sigv4.check_scope(signed, "lambda")
    payload = sigv4.payload_sha256(signed, wire.headers, hashlib.sha256(wire.body).hexdigest())
    key = signing_key(signed.date, signed.region, signed.service)
    sigv4.verify(signed, key, wire.method, wire.target, wire.headers, payload)
    return signed


def refusal(wire: Wire, now_ms: int) -> AwsError:
    """Return the error that refuses the request; fails where it is taken."""
    try:
        check(wire, now_ms)
    except AwsError as error:
        return error
    raise AssertionError(f"taken: {wire}")
