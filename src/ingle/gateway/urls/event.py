"""What a function hears of a request to its URL: payload format 2.0 (execution reference, section 10). Pure."""

import base64
import dataclasses
import re
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from ingle.iam import Principal

_OF_THE_CONNECTION = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"te", b"trailer", b"upgrade",
        b"expect",
    }
)  # fmt: skip
_ADDED = (b"x-forwarded-for", b"x-forwarded-port", b"x-forwarded-proto", b"x-amzn-trace-id")
_ADDED_UNDER_TLS = (b"x-amzn-tls-version", b"x-amzn-tls-cipher-suite")
_TEXT = re.compile(r"text/.*|application/(.*\+)?(json|javascript|xml)")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who signed a request to a URL of the type AWS_IAM."""

    principal: Principal
    access_key_id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UrlRequest:
    """A request to a function URL."""

    url_id: str
    domain: str
    """The host that it names, without a port."""
    port: str
    method: str
    target: bytes
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    source_ip: str
    tls: tuple[str, str] | None
    request_id: str
    trace_id: str
    now_ms: int
    signer: Signer | None = None


def render_event(request: UrlRequest) -> bytes:
    """Return the event as JSON."""
    path, _, query = request.target.decode("latin-1").partition("?")
    headers, cookies = _read_headers(request)
    event: dict[str, Any] = {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query}
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if query:
        event["queryStringParameters"] = _read_query(query)
    event["requestContext"] = _context(request, path, headers.get("user-agent", ""))
    text = _as_text(request.body, headers)
    if request.body:
        event["body"] = text if text is not None else base64.b64encode(request.body).decode()
    event["isBase64Encoded"] = text is None
    return msgspec.json.encode(event)


def _read_headers(request: UrlRequest) -> tuple[dict[str, str], list[str]]:
    """Return headers by lower-case name, those of one name joined by commas, and the cookies, which are apart.

    What Lambda says itself of the connection nobody else says, and a signature is for Lambda alone.
    """
    left_out = {*_OF_THE_CONNECTION, *_ADDED, *_ADDED_UNDER_TLS, b"cookie"}
    if request.signer is not None:
        left_out.add(b"authorization")
    headers: dict[str, str] = {}
    for name, value in request.headers:
        if name not in left_out:
            key, text = name.decode("latin-1"), value.decode("latin-1")
            headers[key] = f"{headers[key]},{text}" if key in headers else text
    made = [request.source_ip, request.port, "https" if request.tls else "http", request.trace_id]
    headers.update(zip((name.decode() for name in _ADDED), made, strict=True))
    if request.tls is not None:
        headers.update(zip((name.decode() for name in _ADDED_UNDER_TLS), request.tls, strict=True))
    lines = [value.decode("latin-1") for name, value in request.headers if name == b"cookie"]
    return headers, [cookie for line in lines for part in line.split(";") if (cookie := part.strip())]


def _read_query(query: str) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if part:
            values.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return {name: ",".join(held) for name, held in values.items()}


def _context(request: UrlRequest, path: str, user_agent: str) -> dict[str, Any]:
    signer = request.signer
    context: dict[str, Any] = {"accountId": signer.principal.account if signer is not None else "anonymous"}
    context["apiId"] = request.url_id
    if signer is not None:
        context["authentication"] = None
        context["authorizer"] = {"iam": _render_signer(signer)}
    seconds = request.now_ms // 1000
    return context | {
        "domainName": request.domain,
        "domainPrefix": request.url_id,
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": user_agent,
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(seconds)),
        "timeEpoch": request.now_ms,
    }


def _render_signer(signer: Signer) -> dict[str, str | None]:
    account = signer.principal.account
    return {
        "accessKey": signer.access_key_id,
        "accountId": account,
        "callerId": account,  # the root's id is its account's; there is nobody else yet
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": signer.principal.arn,
        "userId": account,
    }


def _as_text(body: bytes, headers: dict[str, str]) -> str | None:
    """Return a body as text; None where it is binary by its type, its coding or its bytes, and goes as base64."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    coding = headers.get("content-encoding", "identity")
    if body and (_TEXT.fullmatch(kind) is None or coding.lower() != "identity"):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
