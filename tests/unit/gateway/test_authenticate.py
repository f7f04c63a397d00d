"""What a gateway keeps of signing keys: none for longer than its session, and nothing of what anybody may send."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from signing import KEY_ID, SECRET, Wire, sign

from ingle.environments import Principal, SigningKey, SigningKeyRequest
from ingle.gateway.callers.authenticate import Authenticator
from ingle.protocol import AwsError, sigv4
from ingle.transport import Exchange, HttpClient, serve_http, unix_listener

ROLE = Principal(arn="arn:aws:sts::000000000000:assumed-role/r/f", account="000000000000", is_root=False)


class Clock:
    ahead_ms = 0

    def now_ms(self) -> int:
        return int(time.time() * 1000) + self.ahead_ms

    def monotonic_ns(self) -> int:
        return 0


class World:
    """An authenticator, and a control that knows one session until `expires_at_ms`."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.asked: list[SigningKeyRequest] = []
        self.expires_at_ms = self.clock.now_ms() + 60_000
        self.client = HttpClient(str(folder / "control.sock"))
        self.authenticator = Authenticator(self.client, self.clock)

    async def control(self, exchange: Exchange) -> None:
        asked = msgspec.json.decode(await exchange.read(65536), type=SigningKeyRequest)
        self.asked.append(asked)
        if self.expires_at_ms <= self.clock.now_ms():
            exchange.respond(410, ())
            return
        key = sigv4.derive_signing_key(SECRET, asked.date, asked.region, asked.service)
        made = SigningKey(key=key, principal=ROLE, expires_at_ms=self.expires_at_ms)
        exchange.respond(200, (), msgspec.json.encode(made))

    async def take(self, wire: Wire) -> Principal:
        exchange: Any = SimpleNamespace(method=wire.method, target=wire.target, headers=wire.headers)
        return (await self.authenticator.authenticate(exchange, wire.body))[0]

    async def refusal(self, wire: Wire) -> str:
        with pytest.raises(AwsError) as caught:
            await self.take(wire)
        return caught.value.code


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    server = await serve_http(made.control, unix_listener(tmp_path / "control.sock"))
    yield made
    made.client.close()
    await server.drain(1.0)


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
