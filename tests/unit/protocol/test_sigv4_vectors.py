"""AWS's published Signature Version 4 suite (tests/data/sigv4-vectors) against our verification."""

import dataclasses
import functools
import hashlib
from pathlib import Path

import pytest

from ingle.protocol import AwsError, sigv4

SUITE = Path(__file__).parents[2] / "data" / "sigv4-vectors"
VECTORS = sorted(SUITE.glob("**/*.sreq"))
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW_MS = 1_440_938_160_000  # 20150830T123600Z

# The suite's .sreq of this vector repeats the signature of get-vanilla by mistake; its .authz has the right one.
WRONG_IN_SUITE = "get-vanilla-with-session-token"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    method: bytes
    target: bytes
    headers: list[sigv4.Header]
    body: bytes

    def with_header(self, name: bytes, value: bytes) -> "RawRequest":
        """Return the request with another value for the last header of that name."""
        at = max(index for index, header in enumerate(self.headers) if header[0] == name)
        return dataclasses.replace(self, headers=[*self.headers[:at], (name, value), *self.headers[at + 1 :]])


def parse_raw(raw: bytes) -> RawRequest:
    """Parse a request as the suite writes it: lines end in LF, targets may hold spaces and UTF-8."""
    head, _, body = raw.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, rest = first.partition(b" ")
    headers: list[sigv4.Header] = []
    for line in lines:
        name, _, value = line.partition(b":")
        if line[:1] in b" \t":  # a folded line stands for a space (RFC 9112, 5.2)
            headers[-1] = (headers[-1][0], headers[-1][1] + b" " + line.strip())
        else:
            headers.append((name.lower(), value.strip()))
    return RawRequest(method=method, target=rest.rpartition(b" ")[0], headers=headers, body=body)


def load(path: Path) -> RawRequest:
    request = parse_raw(path.read_bytes())
    if path.stem == WRONG_IN_SUITE:
        return request.with_header(b"authorization", path.with_suffix(".authz").read_bytes())
    return request


@functools.cache
def signing_key(date: str, region: str, service: str) -> bytes:
    return sigv4.derive_signing_key(SECRET, date, region, service)


def check(request: RawRequest) -> None:
    """Do all that a front does; raises AwsError."""
    signed = sigv4.parse_authorization(request.target, request.headers)
    sigv4.check_time(signed, NOW_MS)
    sigv4.check_scope(signed, "service")
    payload = sigv4.payload_sha256(signed, request.headers, hashlib.sha256(request.body).hexdigest())
    key = signing_key(signed.date, signed.region, signed.service)
    sigv4.verify(signed, key, request.method, request.target, request.headers, payload)


def is_refused(request: RawRequest) -> bool:
    try:
        check(request)
    except AwsError as error:
        return error.code in ("InvalidSignatureException", "IncompleteSignatureException")
    return False


def flipped(value: bytes, at: int, bit: int = 0) -> bytes:
    return value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]


every_vector = pytest.mark.parametrize("path", VECTORS, ids=[path.stem for path in VECTORS])


def test_the_suite_is_whole() -> None:
    assert len(VECTORS) == 34


@every_vector
def test_a_vector_verifies(path: Path) -> None:
    check(load(path))


@every_vector
def test_a_vector_has_the_published_canonical_request_and_string_to_sign(path: Path) -> None:
    request = load(path)
    signed = sigv4.parse_authorization(request.target, request.headers)
    payload = hashlib.sha256(request.body).hexdigest()
    canonical = sigv4.canonical_request(signed, request.method, request.target, request.headers, payload)
    assert canonical == path.with_suffix(".creq").read_bytes()
    assert sigv4.string_to_sign(signed, canonical) == path.with_suffix(".sts").read_bytes()
    assert dict(request.headers)[b"authorization"] == path.with_suffix(".authz").read_bytes()


@every_vector
def test_a_vector_with_one_bit_of_its_signature_changed_is_refused(path: Path) -> None:
    request = load(path)
    authorization = dict(request.headers)[b"authorization"]
    for at in range(len(authorization) - 64, len(authorization)):
        for bit in range(8):
            assert is_refused(request.with_header(b"authorization", flipped(authorization, at, bit)))


@every_vector
def test_a_vector_with_a_shorter_or_longer_signature_is_refused(path: Path) -> None:
    request = load(path)
    authorization = dict(request.headers)[b"authorization"]
    for changed in (authorization[:-1], authorization + b"0", authorization[:-64], authorization[:-64].upper()):
        assert is_refused(request.with_header(b"authorization", changed))


@every_vector
def test_a_vector_with_a_signed_header_changed_is_refused(path: Path) -> None:
    request = load(path)
    signed = sigv4.parse_authorization(request.target, request.headers).signed_headers
    for index, (name, value) in enumerate(request.headers):
        if name not in signed:
            continue
        for at in range(0, len(value), max(1, len(value) // 16)):
            if value[at : at + 1] != b" ":
                headers = [*request.headers]
                headers[index] = (name, flipped(value, at))
                assert is_refused(dataclasses.replace(request, headers=headers)), (name, at)


@every_vector
def test_a_vector_with_a_signed_header_missing_or_repeated_is_refused(path: Path) -> None:
    request = load(path)
    signed = sigv4.parse_authorization(request.target, request.headers).signed_headers
    for index, header in enumerate(request.headers):
        if header[0] in signed:
            without = [*request.headers[:index], *request.headers[index + 1 :]]
            assert is_refused(dataclasses.replace(request, headers=without)), header
            assert is_refused(dataclasses.replace(request, headers=[*request.headers, header])), header


@every_vector
def test_a_vector_with_another_target_is_refused(path: Path) -> None:
    request = load(path)
    bare, _, query = request.target.partition(b"?")
    others = [
        bare + b"x?" + query,
        bare + b"%2e?" + query,
        request.target + (b"&" if query else b"?") + b"x",
        request.target + (b"&" if query else b"?") + b"Param1=value1",
    ]
    if b"/." not in bare:  # where a segment is dropped, its letters mean nothing
        letters = [at for at, byte in enumerate(request.target) if chr(byte).isalnum()]
        others += [flipped(request.target, at) for at in letters]
    for other in others:
        assert is_refused(dataclasses.replace(request, target=other)), other


@every_vector
def test_a_vector_with_another_body_or_method_is_refused(path: Path) -> None:
    request = load(path)
    assert is_refused(dataclasses.replace(request, body=request.body + b" "))
    assert is_refused(dataclasses.replace(request, body=b"x" + request.body[1:]))
    assert is_refused(dataclasses.replace(request, method=b"PUT"))
    assert is_refused(dataclasses.replace(request, method=request.method.lower()))


def test_the_one_wrong_vector_is_refused_as_the_suite_has_it() -> None:
    (path,) = (path for path in VECTORS if path.stem == WRONG_IN_SUITE)
    assert is_refused(parse_raw(path.read_bytes()))


def test_a_token_may_join_after_signing_and_no_other_amz_header() -> None:
    """Lambda needs every x-amz-* header signed; the suite's post-sts-header-after shows the one exception."""
    (path,) = (path for path in VECTORS if path.stem == "post-sts-header-after")
    request = load(path)
    assert b"x-amz-security-token" not in sigv4.parse_authorization(request.target, request.headers).signed_headers
    check(request)
    for name in (b"x-amz-meta", b"x-amz-invocation-type", b"x-amz-content-sha256"):
        assert is_refused(dataclasses.replace(request, headers=[*request.headers, (name, b"Event")]))
