"""What a function's answer means to the caller of its URL, and what CORS adds."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.gateway.urls import cors
from ingle.gateway.urls.response import MalformedAnswerError, interpret, interpret_prelude
from ingle.values import Cors

JSON = (b"content-type", b"application/json")


def read(value: Any) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    made = interpret(msgspec.json.encode(value))
    return made.status, made.headers, made.body


@pytest.mark.parametrize(
    ("value", "body"),
    [
        ("said", b"said"),
        ({"a": 1}, b'{"a":1}'),
        ([1], b"[1]"),
        (None, b"null"),
        (7, b"7"),
        ({"body": "x"}, b'{"body":"x"}'),
    ],
)
def test_a_value_without_status_is_a_body_of_json(value: Any, body: bytes) -> None:
    assert read(value) == (200, [JSON], body)


def test_what_is_not_json_is_passed_on() -> None:
    for payload in (b"plain", b'{"statusCode":200,"body":"\xff"}'):
        assert interpret(payload).body == payload


def test_status_headers_cookies_and_body_are_taken() -> None:
    value = {
        "statusCode": 201,
        "headers": {"X-A": 1, "Content-Type": "text/plain"},
        "cookies": ["a=1", "b=2"],
        "body": "é",
    }
    cookies = [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert read(value) == (201, [(b"x-a", b"1"), (b"content-type", b"text/plain"), *cookies], "é".encode())
    assert read({"statusCode": "404"}) == (404, [JSON], b"")
    assert read({"statusCode": 200, "body": {"a": 1}})[2] == b'{"a":1}'
    assert read({"statusCode": 200, "body": "AP8=", "isBase64Encoded": True})[2] == b"\x00\xff"


def test_headers_of_the_connection_get_another_name_or_go() -> None:
    headers = {
        "Connection": "close",
        "WWW-Authenticate": "Basic",
        "Content-Length": "3",
        "Transfer-Encoding": "chunked",
    }
    made = [(b"x-amzn-remapped-connection", b"close"), (b"x-amzn-remapped-www-authenticate", b"Basic"), JSON]
    assert read({"statusCode": 200, "headers": headers})[1] == made


@pytest.mark.parametrize(
    "value",
    [
        {"statusCode": "twenty"},
        {"statusCode": 99},
        {"statusCode": 101},
        {"statusCode": 600},
        {"statusCode": True},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\n"]},
        {"statusCode": 200, "body": "*", "isBase64Encoded": True},
    ],
)
def test_what_cannot_be_a_response_is_malformed(value: Any) -> None:
    with pytest.raises(MalformedAnswerError):
        read(value)


_TEXT = st.text(max_size=8) | st.sampled_from(["X-A", "Content-Type", "\r\n", "a: b", "é", "200", "AA=="])
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | _TEXT, lambda inner: st.lists(inner, max_size=3)
)
_ANSWER = st.fixed_dictionaries(
    {"statusCode": st.integers(190, 610) | _ANY},
    optional={
        "headers": st.dictionaries(_TEXT, _ANY, max_size=3) | _ANY,
        "cookies": st.lists(_ANY, max_size=2) | _ANY,
        "body": _ANY,
        "isBase64Encoded": _ANY,
    },
)


@given(_ANSWER)
def test_any_answer_is_one_response_or_malformed(value: Any) -> None:
    try:
        status, headers, _ = read(value)
    except MalformedAnswerError:
        return
    assert 200 <= status <= 599
    assert all(name and not set(name + held) & set(b"\r\n\0") and b":" not in name for name, held in headers)


def test_a_prelude_is_an_object() -> None:
    assert interpret_prelude(b'{"headers":{"content-type":"text/html"}}').headers == [(b"content-type", b"text/html")]
    for broken in (b"", b"[]", b"{", b'{"statusCode":0}', b'{"headers":{"a":"\xff"}}'):
        with pytest.raises(MalformedAnswerError):
            interpret_prelude(broken)


SETTINGS = Cors(
    allow_credentials=True,
    allow_headers=("X-A", "X-B"),
    allow_methods=("GET", "POST"),
    allow_origins=("https://a.test", "https://b.test"),
    expose_headers=("X-C",),
    max_age=60,
)
VARY = (b"vary", b"Origin")


def test_a_preflight_is_told_what_the_settings_allow_its_origin() -> None:
    assert cors.preflight_headers(SETTINGS, b"https://b.test") == [
        VARY,
        (b"access-control-allow-origin", b"https://b.test"),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-allow-methods", b"GET,POST"),
        (b"access-control-allow-headers", b"X-A,X-B"),
        (b"access-control-max-age", b"60"),
    ]
    assert cors.preflight_headers(SETTINGS, b"https://b.test.evil") == [VARY]
    assert cors.preflight_headers(SETTINGS, None) == [VARY]
    assert cors.preflight_headers(Cors(max_age=1), b"https://a.test") == []


def test_the_settings_headers_stand_instead_of_the_functions() -> None:
    own = [JSON, (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"X-D")]
    allowed = [(b"access-control-allow-origin", b"https://a.test"), (b"access-control-allow-credentials", b"true")]
    assert cors.apply(SETTINGS, b"https://a.test", own) == [
        JSON,
        VARY,
        *allowed,
        (b"access-control-expose-headers", b"X-C"),
    ]
    assert cors.apply(SETTINGS, b"https://evil.test", own) == [JSON, VARY]
    assert cors.apply(Cors(allow_origins=("*",)), b"https://x.test", own)[-1] == (b"access-control-allow-origin", b"*")
    assert cors.apply(Cors(max_age=1), b"https://x.test", own) == own


def test_a_value_without_a_status_is_compact_and_keeps_its_numbers() -> None:
    given = b'{"hello": "a  b", "n": [1.10, 12345678901234567890123]}'
    assert interpret(given).body == b'{"hello":"a  b","n":[1.10,12345678901234567890123]}'
    assert interpret(b"[1, 2]\n").body == b"[1,2]"
