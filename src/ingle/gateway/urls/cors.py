"""CORS as a function URL's settings have it (Fetch standard, "CORS protocol"). Pure.

Where the settings say something they say it alone: two values in one of these headers are none to a browser.
"""

from collections.abc import Sequence

from ingle.values import Cors

Header = tuple[bytes, bytes]
_ORIGIN = b"access-control-allow-origin"
_CREDENTIALS = b"access-control-allow-credentials"
_EXPOSED = b"access-control-expose-headers"


def preflight_headers(cors: Cors, origin: bytes | None) -> list[Header]:
    """Return the headers of the answer to a preflight request from an origin: none that allows, where none does."""
    headers = _allowing(cors, origin)
    if any(name == _ORIGIN for name, _ in headers):
        if cors.allow_methods:
            headers.append((b"access-control-allow-methods", _join(cors.allow_methods)))
        if cors.allow_headers:
            headers.append((b"access-control-allow-headers", _join(cors.allow_headers)))
        if cors.max_age is not None:
            headers.append((b"access-control-max-age", b"%d" % cors.max_age))
    return headers


def apply(cors: Cors, origin: bytes | None, headers: Sequence[Header]) -> list[Header]:
    """Return the headers of an answer with those of the settings instead of the function's own of the same names."""
    settled = {
        name
        for name, setting in (
            (_ORIGIN, cors.allow_origins), (_CREDENTIALS, cors.allow_credentials), (_EXPOSED, cors.expose_headers)
        )
        if setting is not None
    }  # fmt: skip
    made = [pair for pair in headers if pair[0] not in settled] + _allowing(cors, origin)
    if cors.expose_headers and any(name == _ORIGIN for name, _ in made):
        made.append((_EXPOSED, _join(cors.expose_headers)))
    return made


def _allowing(cors: Cors, origin: bytes | None) -> list[Header]:
    allowed = cors.allow_origins or ()
    is_any = "*" in allowed
    headers: list[Header] = [] if is_any or not allowed else [(b"vary", b"Origin")]
    if origin is None or not (is_any or origin.decode("latin-1") in allowed):
        return headers
    headers.append((_ORIGIN, b"*" if is_any else origin))
    if cors.allow_credentials:
        headers.append((_CREDENTIALS, b"true"))
    return headers


def _join(values: Sequence[str]) -> bytes:
    return ",".join(values).encode()
