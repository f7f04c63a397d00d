"""Who makes a request: its signature, checked against a signing key that control derives for one day."""

import asyncio
import hashlib

from ingle.iam import Principal
from ingle.links.gateway_control import Control, SessionEndedError, SigningKey, SigningKeyRequest
from ingle.protocol import AwsError, sigv4
from ingle.transport import Exchange
from ingle.values import Clock, IngleError

_KEPT = 4096
_GOOD_FOR_NS = 60 * 10**9
_UNKNOWN_FOR_NS = 5 * 10**9
_LONGEST = 4096
"""No credentials of ours are that long, and what anybody may send is not kept."""
_CacheKey = tuple[str, str | None, str, str, str]


class Authenticator:
    """Verifies invocations. Keys are cached for a minute, verification results never."""

    def __init__(self, control: Control, clock: Clock) -> None:
        self._control = control
        self._clock = clock
        self._keys: dict[_CacheKey, tuple[int, SigningKey | None]] = {}
        self._asking: dict[_CacheKey, asyncio.Task[SigningKey | None]] = {}

    async def authenticate(self, exchange: Exchange, body: bytes) -> tuple[Principal, sigv4.SignedRequest]:
        """Return who signed the request. Raises AwsError in the order in which AWS checks."""
        headers = exchange.headers
        key, signed = await self.recognise(exchange)
        sigv4.check_path(exchange.target)
        payload_hash = sigv4.payload_sha256(signed, headers, hashlib.sha256(body).hexdigest())
        sigv4.verify(signed, key.key, exchange.method, exchange.target, headers, payload_hash)
        return key.principal, signed

    async def recognise(self, exchange: Exchange) -> tuple[SigningKey, sigv4.SignedRequest]:
        """Return whose signature a request says to have, as far as that can be told without its body. Raises AwsError.

        Nobody has a body kept here who doesn't know as much as an access key's id.
        """
        signed = sigv4.parse_authorization(exchange.target, exchange.headers)
        key = await self._key(signed)
        if key is None:
            raise AwsError("UnrecognizedClientException", "The security token included in the request is invalid.")
        sigv4.check_time(signed, self._clock.now_ms())
        sigv4.check_scope(signed, "lambda")
        return key, signed

    async def _key(self, signed: sigv4.SignedRequest) -> SigningKey | None:
        wanted = (signed.access_key_id, signed.session_token, signed.date, signed.region, signed.service)
        now = self._clock.monotonic_ns()
        cached = self._keys.get(wanted)
        if cached is not None and now < cached[0] and not self._has_ended(cached[1]):
            return cached[1]
        if sum(len(part or "") for part in wanted) > _LONGEST:
            return None
        found = await self._ask_once(wanted, signed)
        if len(self._keys) >= _KEPT:
            self._keys.clear()
        self._keys[wanted] = (now + (_GOOD_FOR_NS if found else _UNKNOWN_FOR_NS), found)
        return found

    async def _ask_once(self, wanted: _CacheKey, signed: sigv4.SignedRequest) -> SigningKey | None:
        """Ask control, together with whoever wants the same key now: a thousand may come at once."""
        asking = self._asking.get(wanted)
        if asking is None:
            asking = self._asking[wanted] = asyncio.create_task(self._ask(signed))
            asking.add_done_callback(lambda _: self._asking.pop(wanted, None))
        try:
            return await asyncio.shield(asking)
        finally:
            del asking  # an error in it names the frames that it went through: they must not name it, or bodies stay

    def _has_ended(self, key: SigningKey | None) -> bool:
        return key is not None and key.expires_at_ms is not None and key.expires_at_ms <= self._clock.now_ms()

    async def _ask(self, signed: sigv4.SignedRequest) -> SigningKey | None:
        request = SigningKeyRequest(
            access_key_id=signed.access_key_id,
            session_token=signed.session_token,
            date=signed.date,
            region=signed.region,
            service=signed.service,
        )
        try:
            return await self._control.derive_signing_key(request)
        except SessionEndedError:
            raise AwsError("ExpiredTokenException", "The security token included in the request is expired") from None
        except IngleError:
            raise AwsError("ServiceUnavailableException", "The control plane can't be reached; try again.") from None
