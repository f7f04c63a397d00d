"""Requests that botocore's own signers signed verify; whatever is done to them afterwards does not."""

import calendar
import dataclasses
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import Wire, check, sign

from ingle.protocol import AwsError, sigv4

FUNCTION = "/2015-03-31/functions/"
ODD_PATHS = [
    FUNCTION + "arn:aws:lambda:eu-west-1:123456789012:function:f/invocations",
    FUNCTION + "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af/invocations",
    FUNCTION + "f:$LATEST/invocations",
    FUNCTION + "f%3A%24LATEST/invocations",
    FUNCTION + "f/invocations/",
    FUNCTION + "f//invocations",
    FUNCTION + "./f/../f/invocations",
    FUNCTION + ".",
    FUNCTION + "f/..",
    "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Af",
    "/2025-12-01/durable-executions/arn%3Aaws%3Alambda%3A%2Fone%2Ftwo",
    "/%C3%A9%20%2520%25",
    "/~tilde/plus+sign/comma,/semi;/at@/eq=/(1)/!*'",
    "",
    "/",
    "//",
]
ODD_QUERIES = [
    "Qualifier=%24LATEST",
    "Qualifier",
    "Qualifier=",
    "tagKeys=b&tagKeys=a&tagKeys=a",
    "b=1&a=2&B=3",
    "a=%2B%20%26%3D",
    "a=b%3Dc&a-b=1&a.b=2&a_b=3",
    "%C3%A9=%E1%88%B4",
]
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"host", "date", "authorization"} and not name.startswith("x-amz-")
)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
SEGMENTS = st.one_of(st.sampled_from(["", ".", "..", "$LATEST", "a:b", ".hidden"]), st.text(max_size=8).map(quote))
PATHS = st.lists(SEGMENTS, max_size=5).map(lambda segments: "/" + "/".join(segments))
PAIRS = st.tuples(st.text(min_size=1, max_size=6), st.text(max_size=6))
QUERIES = st.lists(PAIRS, max_size=4).map(
    lambda pairs: "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)
)
TOKENS = st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,60}", fullmatch=True)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"])


def signed_at_ms(wire: Wire) -> int:
    """Return a time within the minute after the request was signed, by what it says itself."""
    return signed_second(wire) * 1000 + 30_000


def signed_second(wire: Wire) -> int:
    stamp = sigv4.parse_authorization(wire.target, wire.headers).timestamp
    return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))


def verifies(wire: Wire) -> bool:
    try:
        check(wire, signed_at_ms(wire))
    except AwsError as error:
        assert error.code in ("InvalidSignatureException", "IncompleteSignatureException")
        return False
    return True


@pytest.mark.parametrize("path", ODD_PATHS)
@pytest.mark.parametrize("expires_s", [None, 600])
def test_an_odd_path_verifies(path: str, expires_s: int | None) -> None:
    assert verifies(sign("GET", path, expires_s=expires_s))


@pytest.mark.parametrize("query", ODD_QUERIES)
@pytest.mark.parametrize("expires_s", [None, 600])
def test_an_odd_query_verifies(query: str, expires_s: int | None) -> None:
    assert verifies(sign("GET", f"/2015-03-31/functions/f?{query}", expires_s=expires_s))


@pytest.mark.parametrize("expires_s", [None, 1, 604_800])
def test_a_session_token_is_read_and_verifies(expires_s: int | None) -> None:
    wire = sign("GET", token="IQoJb3JpZ2luX2VjEXAMPLE+/==", expires_s=expires_s)
    signed = check(wire, signed_second(wire) * 1000)
    assert signed.session_token == "IQoJb3JpZ2luX2VjEXAMPLE+/=="
    assert signed.expires_s == expires_s
    assert verifies(wire) is (expires_s != 1)


def test_an_unsigned_payload_verifies_where_there_is_none() -> None:
    wire = sign(unsigned_payload=True)
    assert wire.header(b"x-amz-content-sha256") == b"UNSIGNED-PAYLOAD"
    assert verifies(wire)
    assert not verifies(dataclasses.replace(wire, body=b"another"))
    assert not verifies(sign(body=b"one", unsigned_payload=True))


def test_a_signed_payload_can_not_be_made_an_unsigned_one() -> None:
    wire = sign(body=b"one").having(b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD")
    assert not verifies(dataclasses.replace(wire, body=b"another"))


def test_a_repeated_header_verifies_in_the_order_it_was_sent() -> None:
    wire = sign(headers={"my-header": "a,b"})
    others = wire.without(b"my-header").headers
    two = [(b"my-header", b"a"), (b"my-header", b"b")]
    assert verifies(dataclasses.replace(wire, headers=[*others, *two]))
    assert not verifies(dataclasses.replace(wire, headers=[*others, *reversed(two)]))


@settings(max_examples=150, deadline=None)
@given(METHODS, PATHS, QUERIES, st.dictionaries(NAMES, VALUES, max_size=4), st.binary(max_size=40), TOKENS)
def test_whatever_is_signed_by_header_verifies(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, token: str | None
) -> None:
    wire = sign(method, f"{path}?{query}", headers=headers, body=body, token=token)
    assert verifies(wire)
    assert not verifies(dataclasses.replace(wire, body=body + b"\n"))


@settings(max_examples=100, deadline=None)
@given(METHODS, PATHS, QUERIES, TOKENS, st.integers(60, 604_800))
def test_whatever_is_signed_by_query_verifies(
    method: str, path: str, query: str, token: str | None, expires_s: int
) -> None:
    wire = sign(method, f"{path}?{query}", token=token, expires_s=expires_s)
    assert verifies(wire)
    assert not verifies(dataclasses.replace(wire, target=wire.target + b"&more=1"))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80), st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=80)), max_size=6))
def test_whatever_bytes_a_request_holds_are_refused_as_aws_does(
    target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    with pytest.raises(AwsError) as raised:
        check(Wire(method=b"GET", target=target, headers=headers), 0)
    assert raised.value.code == "MissingAuthenticationTokenException" or raised.value.status == 400


PIECES = st.sampled_from(
    [
        b"Credential=",
        b"A/20260101/eu-west-1/lambda/aws4_request",
        b"SignedHeaders=",
        b"host",
        b";",
        b", ",
        b"Signature=",
        b"=",
        b"/",
        b"00",
        b"\xff",
        b"%",
        b"X-Amz-Date",
        b"&",
        b"X-Amz-Credential=",
        b"X-Amz-Expires=1",
        b"X-Amz-Signature=",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=12).map(b"".join), st.sampled_from([b"20260231T000000Z", b"20260101T000000Z", b""]))
def test_half_an_authorization_never_fails_in_another_way(half: bytes, stamp: bytes) -> None:
    by_header = [(b"host", b"h"), (b"x-amz-date", stamp), (b"authorization", b"AWS4-HMAC-SHA256 " + half)]
    by_query = b"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&" + half
    assert _refused(Wire(method=b"GET", target=b"/", headers=by_header))
    assert _refused(Wire(method=b"GET", target=by_query, headers=by_header[:2]))


def _refused(wire: Wire) -> bool:
    with pytest.raises(AwsError) as raised:
        check(wire, 0)
    return raised.value.status in (400, 403)
