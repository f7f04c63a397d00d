"""Presigned URLs of uploaded zips: GetFunction's Code.Location and GetLayerVersion's Content.Location.

A URL names the code and says until when it is good; its signature is an HMAC-SHA256 over both, under a key that is derived
from the root key for this purpose alone, so that a restart of control invalidates none. Refusals look as S3's do, from
which AWS serves such URLs.
"""

import asyncio
import base64
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape

import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac

from ingle.control.code.code_store import CodeStore
from ingle.functions import Function, Layer
from ingle.keys import Keyring
from ingle.store import FunctionRepository, LayerRepository
from ingle.transport import DisconnectedError, Exchange
from ingle.values import Clock, IngleError, new_request_id

_log = structlog.get_logger("ingle.control")
PREFIX = b"/downloads/"
GOOD_FOR_S = 600
"""AWS's presigned URLs of code are good for ten minutes (API reference, GetFunction)."""
_TARGET = re.compile(
    rb"(?P<path>/downloads/(?P<kind>functions|layers)/(?P<region>[a-z0-9-]+)/(?P<account>[0-9]{12})/(?P<name>[a-zA-Z0-9-_]+)"
    rb"/(?P<which>[0-9a-f]+))\?Expires=(?P<expires>[0-9]{1,12})&Signature=(?P<signature>[0-9a-f]{64})"
)


class _RefusedError(IngleError):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Downloads:
    """Makes the URLs, and serves them."""

    def __init__(
        self,
        keyring: Keyring,
        functions: FunctionRepository,
        layers: LayerRepository,
        code: CodeStore,
        clock: Clock,
    ) -> None:
        self._key = keyring.derive_key("downloads")
        self._functions = functions
        self._layers = layers
        self._code = code
        self._clock = clock

    def url_of_function(self, endpoint: str, function: Function, sha256: str) -> str:
        """Return a URL of a function's zip that has this digest."""
        named = f"functions/{function.region}/{function.account}/{function.name}/{_hex(sha256)}"
        return endpoint + self._signed(named)

    def url_of_layer(self, endpoint: str, layer: Layer, number: int) -> str:
        """Return a URL of a layer version's zip."""
        return endpoint + self._signed(f"layers/{layer.region}/{layer.account}/{layer.name}/{number}")

    def _signed(self, named: str) -> str:
        path = f"{PREFIX.decode()}{named}"
        expires = self._clock.now_ms() // 1000 + GOOD_FOR_S
        return f"{path}?Expires={expires}&Signature={self._mac(path.encode(), b'%d' % expires).finalize().hex()}"

    def _mac(self, path: bytes, expires: bytes) -> hmac.HMAC:
        mac = hmac.HMAC(self._key, hashes.SHA256())
        mac.update(path + b"\n" + expires)
        return mac

    async def serve(self, exchange: Exchange) -> None:
        """Answer a request whose target begins with PREFIX."""
        try:
            pieces, size = self._open(exchange)
            first = await asyncio.to_thread(next, pieces, b"")
        except _RefusedError as error:
            _refuse(exchange, error)
            return
        except IngleError as error:
            _log.error("download.failed", reason=str(error))
            _refuse(
                exchange, _RefusedError(500, "InternalError", "We encountered an internal error. Please try again.")
            )
            return
        exchange.start(200, ((b"content-type", b"application/zip"), (b"content-length", b"%d" % size)))
        try:
            await exchange.write(first)
            while piece := await asyncio.to_thread(next, pieces, b""):
                await exchange.write(piece)
            exchange.finish()
        except DisconnectedError:
            return
        except IngleError as error:
            _log.error("download.failed", reason=str(error))
            exchange.abort()

    def _open(self, exchange: Exchange) -> tuple[Iterator[bytes], int]:
        """Return a zip in pieces, and its size. Raises _RefusedError."""
        asked = _TARGET.fullmatch(exchange.target)
        if asked is None or exchange.method != b"GET":
            raise _RefusedError(403, "AccessDenied", "Access Denied")
        try:
            self._mac(asked["path"], asked["expires"]).verify(bytes.fromhex(asked["signature"].decode()))
        except InvalidSignature:
            raise _RefusedError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. Check your key and"
                " signing method.",
            ) from None
        if self._clock.now_ms() // 1000 > int(asked["expires"]):
            raise _RefusedError(403, "AccessDenied", "Request has expired")
        key = (asked["account"].decode(), asked["region"].decode(), asked["name"].decode())
        which = asked["which"].decode()
        found = self._zip_of_function(key, which) if asked["kind"] == b"functions" else self._zip_of_layer(key, which)
        if found is None:
            raise _RefusedError(404, "NoSuchKey", "The specified key does not exist.")
        return found

    def _zip_of_function(self, key: tuple[str, str, str], which: str) -> tuple[Iterator[bytes], int] | None:
        function = self._functions.find(*key)
        for code in function.zips if function is not None else ():
            if function is not None and _hex(code.sha256) == which:
                return self._code.open_zip(function.arn, code), code.size_bytes
        return None

    def _zip_of_layer(self, key: tuple[str, str, str], which: str) -> tuple[Iterator[bytes], int] | None:
        layer = self._layers.find(*key)
        version = layer.versions.get(int(which)) if layer is not None and which.isdecimal() else None
        if layer is None or version is None:
            return None
        return self._code.open_layer(layer.arn, version), version.size_bytes


def _hex(sha256: str) -> str:
    """Return a digest that AWS shows in base64 as it fits into a path."""
    return base64.b64decode(sha256).hex()


def _refuse(exchange: Exchange, error: _RefusedError) -> None:
    request_id = new_request_id()
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{error.code}</Code><Message>{escape(str(error))}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    headers = ((b"content-type", b"application/xml"), (b"x-amz-request-id", request_id.encode()))
    exchange.respond(error.status, headers, body.encode())
