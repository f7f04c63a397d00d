"""What a function answers to a request to its URL (execution reference, section 10, and "Streaming"). Pure.

A value without `statusCode` is the body as it is. Whatever else is in an answer must be well-formed: a header that holds
a line break would let a function's input write headers of its own.
"""

import base64
import binascii
import dataclasses
import re
from typing import Any

import msgspec

from ingle.values import IngleError

PRELUDE_TYPE = b"application/vnd.awslambda.http-integration-response"
PRELUDE_END = bytes(8)
PRELUDE_LIMIT_BYTES = 64 * 1024
_JSON = (b"content-type", b"application/json")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OURS = frozenset({"content-length", "transfer-encoding", "x-amzn-requestid", "x-amzn-trace-id"})
_REMAPPED = frozenset(
    {
        "authorization", "connection", "date", "expect", "host", "keep-alive", "proxy-authenticate", "server", "te",
        "trailer", "upgrade", "via", "www-authenticate",
    }
)  # fmt: skip
_decode = msgspec.json.Decoder().decode
Header = tuple[bytes, bytes]


class MalformedAnswerError(IngleError):
    """A function's answer can't be a response of HTTP's."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UrlResponse:
    """A response; of a streamed one the body is what came with its head."""

    status: int
    headers: list[Header]
    body: bytes = b""


def interpret(payload: bytes) -> UrlResponse:
    """Return the response that a buffered answer means. Raises MalformedAnswerError."""
    try:
        value = _decode(payload)
    except (ValueError, RecursionError):  # also bytes that are no UTF-8
        return UrlResponse(status=200, headers=[_JSON], body=payload)  # a runtime may answer what it likes
    if isinstance(value, str):
        return UrlResponse(status=200, headers=[_JSON], body=value.encode())
    if not isinstance(value, dict) or "statusCode" not in value:
        return UrlResponse(status=200, headers=[_JSON], body=msgspec.json.format(payload, indent=-1))
    return UrlResponse(status=_status(value), headers=_headers(value), body=_body(value))


def interpret_prelude(prelude: bytes) -> UrlResponse:
    """Return the head that the prelude of a streamed answer means. Raises MalformedAnswerError."""
    try:
        value = _decode(prelude)
    except (ValueError, RecursionError):  # also bytes that are no UTF-8
        raise MalformedAnswerError("the prelude is not JSON") from None
    if not isinstance(value, dict):
        raise MalformedAnswerError("the prelude is not an object")
    return UrlResponse(status=_status(value), headers=_headers(value))


def _status(value: dict[str, Any]) -> int:
    given = value.get("statusCode", 200)
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) == 3:
        given = int(given)
    if not isinstance(given, int) or isinstance(given, bool) or not 200 <= given <= 599:
        raise MalformedAnswerError("statusCode is not a status")
    return given


def _headers(value: dict[str, Any]) -> list[Header]:
    given, cookies = value.get("headers") or {}, value.get("cookies") or []
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise MalformedAnswerError("headers are an object, cookies a list")
    made = [_header(name.lower(), _text(item)) for name, item in given.items() if name.lower() not in _OURS]
    if not any(name == b"content-type" for name, _ in made):
        made.append(_JSON)
    return made + [_header("set-cookie", _text(cookie)) for cookie in cookies]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise MalformedAnswerError("the value of a header is not a text")


def _header(name: str, value: str) -> Header:
    """Return a header. What belongs to the connection, or would make a browser ask for a password, gets another name."""
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        raise MalformedAnswerError("a header is not one of HTTP's")
    shown = f"x-amzn-remapped-{name}" if name in _REMAPPED else name
    return shown.encode(), value.encode()


def _body(value: dict[str, Any]) -> bytes:
    given = value.get("body")
    if given is None:
        return b""
    if not isinstance(given, str):
        return msgspec.json.encode(given)
    if value.get("isBase64Encoded") is not True:
        return given.encode()
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedAnswerError("the body is not base64") from None
