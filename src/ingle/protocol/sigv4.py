"""Verification of AWS Signature Version 4 (IAM user guide, "Create a signed AWS API request").

The steps come in the order in which AWS checks: parse, (the caller finds the key), time, scope, signature. Everything
works on bytes as they came over the wire. `verify` compares in constant time.

What a signature covers is the canonical form of a request, and many requests have the same. So whoever acts on a signed
request must read it as the canonical form does, or one party signs what another does not get: parameters come from
`read_query` alone, `check_path` refuses a path that the canonical form changes, and a header that says what to do comes
once.
"""

import calendar
import dataclasses
import hashlib
import hmac
import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from ingle.protocol.errors import AwsError

ALGORITHM = b"AWS4-HMAC-SHA256"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
SKEW_S = 300
_MAX_EXPIRES_S = 604_800
_TIMESTAMP = re.compile(rb"\d{8}T\d{6}Z")
_PLAIN_PATH = re.compile(rb"[A-Za-z0-9\-._~/]*")
_REGION = re.compile(r"[a-z0-9-]{1,64}")
_SHA256 = re.compile(rb"[0-9a-f]{64}")
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details."
)

Header = tuple[bytes, bytes]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a request says of its own signature."""

    access_key_id: str
    date: str
    region: str
    service: str
    timestamp: str
    signed_headers: tuple[bytes, ...]
    signature: bytes
    session_token: str | None = None
    expires_s: int | None = None
    """Seconds that a presigned request is good for; None for one that is signed by header."""

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def derive_signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Return the key that signs for one day (`YYYYMMDD`), region and service."""
    key = b"AWS4" + secret.encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def parse_authorization(target: bytes, headers: list[Header]) -> SignedRequest:
    """Read the signature of a request, from its Authorization header or its query string.

    Raises AwsError: MissingAuthenticationTokenException where there is none, IncompleteSignatureException where a part
    is missing or malformed.
    """
    authorization = _single(headers, b"authorization")
    if authorization is not None:
        return _parse_header(authorization, headers)
    query = target.partition(b"?")[2]
    if b"X-Amz-Algorithm=" in query:
        return _parse_query(query)
    raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token")


def _single(headers: list[Header], name: bytes) -> bytes | None:
    """Return the one value of a header. Raises AwsError where it is given twice: which of them is meant?"""
    found = None
    for key, value in headers:
        if key == name:
            if found is not None:
                raise _given_twice(name)
            found = value
    return found


def _given_twice(name: bytes) -> AwsError:
    return _incomplete(f"The header '{_text(name)}' must be given only once.")


def _incomplete(message: str) -> AwsError:
    return AwsError("IncompleteSignatureException", message)


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace")


def _parse_header(authorization: bytes, headers: list[Header]) -> SignedRequest:
    algorithm, _, rest = authorization.partition(b" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': {_text(algorithm)!r}.")
    parts: dict[bytes, bytes] = {}
    for part in rest.split(b","):
        key, _, value = part.strip().partition(b"=")
        if key in parts:
            raise _incomplete(f"Authorization header must include '{_text(key)}' only once.")
        parts[key] = value
    for name in (b"Credential", b"Signature", b"SignedHeaders"):
        if not parts.get(name):
            raise _incomplete(f"Authorization header requires '{_text(name)}' parameter.")
    timestamp = _single(headers, b"x-amz-date") or _single(headers, b"date")
    if timestamp is None:
        raise _incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    token = _single(headers, b"x-amz-security-token")
    return _build(parts[b"Credential"], parts[b"SignedHeaders"], parts[b"Signature"], timestamp, token, None)


def _parse_query(query: bytes) -> SignedRequest:
    values: dict[bytes, bytes] = {}
    for name, value in _query_pairs(query):
        plain = unquote_to_bytes(name)
        if plain in values and plain.startswith(b"X-Amz-"):
            raise _incomplete(f"AWS query-string parameters must include '{_text(plain)}' only once.")
        values[plain] = unquote_to_bytes(value)
    if values.get(b"X-Amz-Algorithm") != ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': {_text(values.get(b'X-Amz-Algorithm', b''))!r}.")
    for name in (b"X-Amz-Credential", b"X-Amz-Signature", b"X-Amz-SignedHeaders", b"X-Amz-Date", b"X-Amz-Expires"):
        if not values.get(name):
            raise _incomplete(f"AWS query-string parameters must include '{_text(name)}'.")
    expires = values[b"X-Amz-Expires"]
    if not expires.isdigit() or len(expires) > 6 or not 1 <= int(expires) <= _MAX_EXPIRES_S:
        raise _incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
    return _build(
        values[b"X-Amz-Credential"],
        values[b"X-Amz-SignedHeaders"],
        values[b"X-Amz-Signature"],
        values[b"X-Amz-Date"],
        values.get(b"X-Amz-Security-Token"),
        int(expires),
    )


def _build(
    credential: bytes, signed: bytes, signature: bytes, timestamp: bytes, token: bytes | None, expires_s: int | None
) -> SignedRequest:
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{_text(timestamp)}'.")
    parts = _text(credential).rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{_text(credential)}'."
        )
    names = tuple(signed.split(b";"))
    if b"host" not in names or list(names) != sorted(set(names)):
        raise _incomplete("'Host' must be a 'SignedHeader', and signed headers must be sorted and lower-case.")
    return SignedRequest(
        access_key_id=parts[0],
        date=parts[1],
        region=parts[2],
        service=parts[3],
        timestamp=timestamp.decode(),
        signed_headers=names,
        signature=signature,
        session_token=None if token is None else token.decode("latin-1"),
        expires_s=expires_s,
    )


@lru_cache(maxsize=64)
def _epoch(timestamp: str) -> int:
    """Return the seconds since the epoch of `YYYYMMDDTHHMMSSZ`; raises ValueError for no real time."""
    year, month, day = int(timestamp[:4]), int(timestamp[4:6]), int(timestamp[6:8])
    hour, minute, second = int(timestamp[9:11]), int(timestamp[11:13]), int(timestamp[13:15])
    is_day = year >= 1970 and 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]
    if not (is_day and hour < 24 and minute < 60 and second < 61):
        raise ValueError(timestamp)
    return calendar.timegm((year, month, day, hour, minute, second))


def _stamp(epoch_s: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(epoch_s, datetime.UTC).strftime("%Y%m%dT%H%M%SZ")


def check_time(signed: SignedRequest, now_ms: int) -> None:
    """Refuse a request signed more than five minutes ago or ahead, or a presigned one that has expired.

    Raises AwsError InvalidSignatureException.
    """
    try:
        at = _epoch(signed.timestamp)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{signed.timestamp}'.") from None
    now = now_ms // 1000
    good_for = SKEW_S if signed.expires_s is None else signed.expires_s
    if at + good_for < now:
        raise AwsError(
            "InvalidSignatureException",
            f"Signature expired: {signed.timestamp} is now earlier than {_stamp(now - good_for)}"
            f" ({_stamp(now)} - {good_for // 60} min.)",
        )
    if at - SKEW_S > now:
        raise AwsError(
            "InvalidSignatureException",
            f"Signature not yet current: {signed.timestamp} is still later than {_stamp(now + SKEW_S)}"
            f" ({_stamp(now)} + 5 min.)",
        )


def check_scope(signed: SignedRequest, service: str) -> None:
    """Refuse a credential scope of another service, day or no region. Raises AwsError InvalidSignatureException."""
    if _REGION.fullmatch(signed.region) is None:
        raise AwsError("InvalidSignatureException", "Credential should be scoped to a valid region.")
    if signed.service != service:
        raise AwsError("InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'. ")
    if signed.date != signed.timestamp[:8]:
        raise AwsError(
            "InvalidSignatureException",
            f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{signed.date}' != '{signed.timestamp[:8]}', from '{signed.timestamp}'.",
        )


def claimed_sha256(headers: list[Header]) -> str | None:
    """Return the payload hash that a request says to have, by which its signature can be verified before its body is here.

    None where it says none, or none that can be. Raises AwsError.
    """
    given = _single(headers, b"x-amz-content-sha256")
    return given.decode() if given is not None and _SHA256.fullmatch(given) else None


def payload_sha256(signed: SignedRequest, headers: list[Header], body_sha256: str) -> str:
    """Return the payload hash that goes into the canonical request.

    A given x-amz-content-sha256 must be the hash of the body; presigned requests without one are hashed as they are.
    Lambda takes no unsigned payloads: UNSIGNED-PAYLOAD stands where there is no body, and nowhere else. Raises AwsError
    InvalidSignatureException.
    """
    given = _single(headers, b"x-amz-content-sha256")
    if given is None:
        return body_sha256
    if given == b"UNSIGNED-PAYLOAD":
        if body_sha256 != EMPTY_SHA256:
            raise AwsError("InvalidSignatureException", _MISMATCH)
        return UNSIGNED_PAYLOAD
    if _SHA256.fullmatch(given) is None or not hmac.compare_digest(given, body_sha256.encode()):
        raise AwsError("InvalidSignatureException", "The value of x-amz-content-sha256 is not the hash of the body.")
    return body_sha256


def verify(
    signed: SignedRequest, signing_key: bytes, method: bytes, target: bytes, headers: list[Header], payload_hash: str
) -> None:
    """Compare the request's signature with the one that `signing_key` makes.

    Raises AwsError InvalidSignatureException where they differ or where a header that must be signed is not.
    """
    canonical = canonical_request(signed, method, target, headers, payload_hash)
    text = string_to_sign(signed, canonical)
    expected = hmac.digest(signing_key, text, "sha256").hex().encode()
    if not hmac.compare_digest(expected, signed.signature):
        raise AwsError("InvalidSignatureException", _MISMATCH)


def string_to_sign(signed: SignedRequest, canonical: bytes) -> bytes:
    """Return the string to sign for a canonical request."""
    digest = hashlib.sha256(canonical).hexdigest()
    return f"AWS4-HMAC-SHA256\n{signed.timestamp}\n{signed.scope}\n{digest}".encode()


def canonical_request(
    signed: SignedRequest, method: bytes, target: bytes, headers: list[Header], payload_hash: str
) -> bytes:
    """Return the canonical request: the one text that both sides hash."""
    path, _, query = target.partition(b"?")
    return b"\n".join(
        (
            method,
            canonical_path(path),
            canonical_query(query, without_signature=signed.expires_s is not None) if query else b"",
            _canonical_headers(signed, headers),
            b"",
            b";".join(signed.signed_headers),
            payload_hash.encode(),
        )
    )


def normal_path(path: bytes) -> bytes:
    """Return a path without dot segments and doubled slashes."""
    if b"//" in path or b"/." in path:
        kept: list[bytes] = []
        for segment in path.split(b"/"):
            if segment == b"..":
                if kept:
                    kept.pop()
            elif segment not in (b"", b"."):
                kept.append(segment)
        tail = b"/" if path.endswith(b"/") and kept else b""  # after `/.` too there is none, as AWS's signers do
        path = b"/" + b"/".join(kept) + tail
    return path or b"/"


def check_path(target: bytes) -> None:
    """Refuse a path that its signature reads otherwise. Raises AwsError InvalidSignatureException."""
    path = target.partition(b"?")[0]
    if normal_path(path) != path:
        raise AwsError("InvalidSignatureException", "The path of a signed request has no empty, '.' or '..' segments.")


def as_signed(target: bytes) -> bytes:
    """Return a target as its signature reads it: the path in its normal form, a plus sign as no space."""
    path, mark, query = target.partition(b"?")
    return normal_path(path) + mark + query.replace(b"+", b"%2B")


def canonical_path(path: bytes) -> bytes:
    """Normalise a path and encode what is on the wire once more."""
    path = normal_path(path)
    if _PLAIN_PATH.fullmatch(path):
        return path
    return quote(path, safe="/-_.~").encode()


def _query_pairs(query: bytes) -> list[tuple[bytes, bytes]]:
    pairs = []
    for part in query.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            pairs.append((name, value))
    return pairs


def read_query(query: bytes) -> list[tuple[str, str]]:
    """Return the parameters of a query as its canonical form has them, in their order: a plus sign is no space."""
    pairs = _query_pairs(query)
    return [(_plain(name), _plain(value)) for name, value in pairs]


def _plain(encoded: bytes) -> str:
    return unquote_to_bytes(encoded).decode("utf-8", "replace")


def canonical_query(query: bytes, *, without_signature: bool = False) -> bytes:
    """Return the query sorted by encoded name, then value; a presigned one leaves its signature out."""
    encoded = []
    for name, value in _query_pairs(query):
        plain = unquote_to_bytes(name)
        if without_signature and plain == b"X-Amz-Signature":
            continue
        encoded.append((quote(plain, safe="-_.~"), quote(unquote_to_bytes(value), safe="-_.~")))
    encoded.sort()
    return "&".join(f"{name}={value}" for name, value in encoded).encode()


def _canonical_headers(signed: SignedRequest, headers: list[Header]) -> bytes:
    wanted: dict[bytes, bytes] = dict.fromkeys(signed.signed_headers, b"")
    present = set()
    for name, value in headers:
        if name in wanted:
            folded = b" ".join(value.split()) if b"  " in value or b"\t" in value else value.strip()
            if name in present:
                if name[:6] == b"x-amz-":  # it says what to do, and of two only one would be read
                    raise _given_twice(name)
                folded = wanted[name] + b"," + folded
            wanted[name] = folded
            present.add(name)
        elif name[:6] == b"x-amz-" and name != b"x-amz-security-token":  # the token may join after signing
            raise AwsError("InvalidSignatureException", _MISMATCH)
    if len(present) != len(wanted):
        raise AwsError("InvalidSignatureException", _MISMATCH)
    return b"\n".join([name + b":" + value for name, value in wanted.items()])
