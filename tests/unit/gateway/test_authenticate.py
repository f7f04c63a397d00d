"""What a gateway keeps of signing keys: none for longer than its session, and nothing of what anybody may send."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from quiet_control import QuietControlPlane
from signing import KEY_ID, SECRET, Wire, sign

from ingle.gateway.callers.authenticate import Authenticator
from ingle.iam import Principal
from ingle.links.gateway_control import MemoryControl, SessionEndedError, SigningKey, SigningKeyRequest
from ingle.protocol import AwsError, sigv4

ROLE = Principal(arn="arn:aws:sts::000000000000:assumed-role/r/f", account="000000000000", is_root=False)


class Clock:
    ahead_ms = 0

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms

    def monotonic_ns(self) -> int:
        return 0


class OneSession(QuietControlPlane):
    """A control that knows one session, until `expires_at_ms`."""

    def __init__(self, clock: Clock) -> None:
        self.asked: list[SigningKeyRequest] = []
        self._clock = clock
        self._expires_at_ms = clock.now_ms() + 60_000

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        self.asked.append(request)
        if self._expires_at_ms <= self._clock.now_ms():
            raise SessionEndedError("the session has ended")
        key = sigv4.derive_signing_key(SECRET, request.date, request.region, request.service)
        return SigningKey(key=key, principal=ROLE, expires_at_ms=self._expires_at_ms)


class World:
    """An authenticator and its control."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._control = OneSession(self.clock)
        self.asked = self._control.asked
        self.authenticator = Authenticator(MemoryControl(self._control), self.clock)

    async def take(self, wire: Wire) -> Principal:
        exchange: Any = SimpleNamespace(method=wire.method, target=wire.target, headers=wire.headers)
        return (await self.authenticator.authenticate(exchange, wire.body))[0]

    async def refusal(self, wire: Wire) -> str:
        with pytest.raises(AwsError) as caught:
            await self.take(wire)
        return caught.value.code


@pytest.fixture
async def world() -> World:
    return World()


async def test_a_session_ends_for_who_has_its_key_too(world: World) -> None:
    wire = sign(token="session")
    assert [await world.take(wire), await world.take(wire)] == [ROLE, ROLE]
    assert [asked.access_key_id for asked in world.asked] == [KEY_ID]
    world.clock.ahead_ms = 61_000
    assert await world.refusal(wire) == "ExpiredTokenException"


async def test_credentials_longer_than_any_are_nobodys(world: World) -> None:
    assert await world.refusal(sign(token="x" * 5000)) == "UnrecognizedClientException"
    assert world.asked == []


async def test_those_who_want_the_same_key_at_once_ask_for_it_once(world: World) -> None:
    assert set(await asyncio.gather(*(world.take(sign(body=b"%d" % number)) for number in range(50)))) == {ROLE}
    assert len(world.asked) == 1
