"""The container credentials endpoint: how a function that SnapStart restores gets its role's credentials.

A snapshot must hold none, so its copies ask for theirs (execution reference, "Environment variables"; AWS SDKs reference
guide, "Container credential provider"). The endpoint is reached from within its environment alone; the token keeps out
what can be made to send a request and not to add a header.
"""

import datetime
import hmac
import os

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from ingle.environments import RoleCredentials, VersionKey
from ingle.transport import Exchange

PATH = b"/2021-04-23/credentials"
_JSON = ((b"content-type", b"application/json"),)


class ContainerCredentials:
    """Tokens for versions, the same for a snapshot and its copies; they end with the worker."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def token(self, version: VersionKey) -> str:
        """Return what AWS_CONTAINER_AUTHORIZATION_TOKEN is for environments of a version."""
        mac = HMAC(self._key, SHA256())
        mac.update(msgspec.json.encode(version))
        return mac.finalize().hex()

    def answer(self, exchange: Exchange, version: VersionKey, credentials: RoleCredentials) -> None:
        """Answer a request for the credentials of an environment."""
        given = exchange.header(b"authorization") or b""
        if not hmac.compare_digest(given, self.token(version).encode()):
            refusal = {"code": "InvalidAuthorizationToken", "message": "The authorization token is not this one's."}
            exchange.respond(401, _JSON, msgspec.json.encode(refusal))
            return
        expires = datetime.datetime.fromtimestamp(credentials.expires_at_ms // 1000, datetime.UTC)
        shown = {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key,
            "Token": credentials.session_token,
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        exchange.respond(200, _JSON, msgspec.json.encode(shown))
