"""The event of a function URL, payload format 2.0."""

import dataclasses
import json
from typing import Any

import pytest

from ingle.gateway.urls.event import Signer, UrlRequest, render_event
from ingle.iam import Principal

ID = "a" * 32
REQUEST = UrlRequest(
    url_id=ID,
    domain=f"{ID}.lambda-url.us-east-1.localhost",
    port="9100",
    method="GET",
    target=b"/",
    headers=(),
    body=b"",
    source_ip="203.0.113.7",
    tls=None,
    request_id="4c1a",
    trace_id="Root=1-2-3",
    now_ms=1_583_348_638_390,
)


def event(**fields: Any) -> Any:
    return json.loads(render_event(dataclasses.replace(REQUEST, **fields)))


def test_the_event_of_an_open_url_is_that_of_the_developer_guide() -> None:
    headers = (
        (b"host", b"x:9100"), (b"x-many", b"1"), (b"user-agent", b"curl"), (b"x-many", b"2"), (b"connection", b"close"),
        (b"cookie", b"a=1; b=2"), (b"cookie", b"c=3"), (b"authorization", b"Bearer 7"), (b"x-forwarded-for", b"forged"),
        (b"content-type", b"application/json; charset=utf-8"),
    )  # fmt: skip
    target = b"/a%20b/c?one=1&two=%C3%A9+e&one=3&empty="
    made = event(method="POST", target=target, headers=headers, body=b'{"k":1}')
    assert made == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a%20b/c",
        "rawQueryString": "one=1&two=%C3%A9+e&one=3&empty=",
        "cookies": ["a=1", "b=2", "c=3"],
        "headers": {
            "host": "x:9100",
            "x-many": "1,2",
            "user-agent": "curl",
            "authorization": "Bearer 7",
            "content-type": "application/json; charset=utf-8",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "9100",
            "x-forwarded-proto": "http",
            "x-amzn-trace-id": "Root=1-2-3",
        },
        "queryStringParameters": {"one": "1,3", "two": "é e", "empty": ""},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": ID,
            "domainName": f"{ID}.lambda-url.us-east-1.localhost",
            "domainPrefix": ID,
            "http": {
                "method": "POST",
                "path": "/a%20b/c",
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl",
            },
            "requestId": "4c1a",
            "routeKey": "$default",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390,
        },
        "body": '{"k":1}',
        "isBase64Encoded": False,
    }


def test_who_signed_is_told_and_the_signature_is_not() -> None:
    root = Principal(arn="arn:aws:iam::000000000000:root", account="0" * 12, is_root=True)
    made = event(
        signer=Signer(principal=root, access_key_id="AKIAX"), headers=((b"authorization", b"AWS4-HMAC-SHA256 x"),)
    )
    assert "authorization" not in made["headers"]
    context = made["requestContext"]
    assert (context["accountId"], context["authentication"]) == ("0" * 12, None)
    assert context["authorizer"]["iam"] == {
        "accessKey": "AKIAX",
        "accountId": "0" * 12,
        "callerId": "0" * 12,
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::000000000000:root",
        "userId": "0" * 12,
    }


def test_a_request_without_body_query_and_cookies_has_no_such_members() -> None:
    made = event()
    assert not made.keys() & {"body", "cookies", "queryStringParameters"}
    assert (made["rawQueryString"], made["isBase64Encoded"]) == ("", False)


def test_tls_is_told() -> None:
    headers = event(tls=("TLSv1.3", "TLS_AES_128_GCM_SHA256"))["headers"]
    told = [headers[f"x-{name}"] for name in ("amzn-tls-version", "amzn-tls-cipher-suite", "forwarded-proto")]
    assert told == ["TLSv1.3", "TLS_AES_128_GCM_SHA256", "https"]


@pytest.mark.parametrize(
    ("headers", "body", "shown"),
    [
        (((b"content-type", b"TEXT/plain"),), "é".encode(), "é"),
        (((b"content-type", b"application/vnd.api+json"),), b"{}", "{}"),
        (((b"content-type", b"application/xml"),), b"<a/>", "<a/>"),
        (((b"content-type", b"application/x-www-form-urlencoded"),), b"a=1", None),
        (((b"content-type", b"multipart/form-data; boundary=x"),), b"--x--", None),
        (((b"content-type", b"image/png"),), b"\x89PNG", None),
        (((b"content-type", b"text/plain"),), b"\xff", None),
        (((b"content-type", b"text/plain"), (b"content-encoding", b"gzip")), b"zipped", None),
        ((), b"of no type", None),
    ],
)
def test_a_body_is_text_by_its_type_and_else_base64(headers: Any, body: bytes, shown: str | None) -> None:
    import base64

    made = event(headers=headers, body=body)
    assert made["isBase64Encoded"] is (shown is None)
    assert made["body"] == (base64.b64encode(body).decode() if shown is None else shown)
