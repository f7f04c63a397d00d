"""Presigned URLs of uploaded zips: who may follow them, and until when."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from archive_samples import zip_of

from ingle.artifacts import MemoryChunks
from ingle.control.code import superseded
from ingle.control.code.code_store import CodeStore
from ingle.control.code.downloads import Downloads
from ingle.control.code.superseded import SupersededCode
from ingle.functions import Function, Layer, Version
from ingle.keys import FileRootKey, Keyring
from ingle.store import FunctionRepository, LayerRepository, open_database
from ingle.transport import HttpClient, serve_http, unix_listener
from ingle.values import FunctionArn, LayerArn

ARN = FunctionArn(region="us-east-1", account="000000000000", name="f")
LAYER = LayerArn(region="us-east-1", account="000000000000", name="l")
LARGE = zip_of(("app.py", b"x" * 1_500_000))
SMALL = zip_of(("x.py", b"x = 1"))


class Clock:
    """Time that the test moves."""

    seconds = 1_000_000

    def now_ms(self) -> int:
        return self.seconds * 1000

    def monotonic_ns(self) -> int:
        return self.seconds * 10**9


class World:
    """A function with a zip of several chunks and a layer, and a server of their downloads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock, self.chunks = Clock(), MemoryChunks()
        self.database = open_database(folder / "metadata.sqlite")
        self.functions, self.layers = FunctionRepository(self.database), LayerRepository(self.database)
        self.client = HttpClient(str(folder / "control.sock"))
        self.downloads = self.restarted()

    def restarted(self) -> Downloads:
        keyring = Keyring(FileRootKey(self.folder / "root.key"))
        self.code = CodeStore(keyring, self.chunks)
        return Downloads(keyring, self.functions, self.layers, self.code, self.clock)

    async def fill(self) -> None:
        code = await self.code.keep(ARN, LARGE)
        latest = Version(version="$LATEST", runtime="python3.11", role="r", handler="a.h", code=code)
        self.function = Function(account=ARN.account, region=ARN.region, name=ARN.name, versions={"$LATEST": latest})
        self.functions.add(self.function)
        made = await self.code.keep_layer(LAYER, SMALL, created_ms=0)
        self.layer = Layer(account=LAYER.account, region=LAYER.region, name=LAYER.name)
        self.layer = self.layer.with_version(msgspec.structs.replace(made, version=1))
        self.layers.save(self.layer)

    def url(self) -> str:
        return self.downloads.url_of_function("", self.function, self.function.latest.code.sha256)

    async def get(self, url: str, method: bytes = b"GET") -> tuple[int, bytes]:
        answer = await self.client.request(method, url.encode())
        return answer.status, await answer.read(1 << 24)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.fill()
    server = await serve_http(lambda exchange: made.downloads.serve(exchange), unix_listener(tmp_path / "control.sock"))
    yield made
    made.client.close()
    await server.drain(1.0)
    made.database.close()


async def test_a_zip_comes_back_byte_for_byte(world: World) -> None:
    assert await world.get(world.url()) == (200, LARGE)
    assert await world.get(world.downloads.url_of_layer("", world.layer, 1)) == (200, SMALL)


async def test_a_url_is_good_for_ten_minutes_and_survives_a_restart(world: World) -> None:
    url = world.url()
    world.downloads = world.restarted()
    world.clock.seconds += 600
    assert await world.get(url) == (200, LARGE)
    world.clock.seconds += 1
    status, body = await world.get(url)
    assert (status, b"<Message>Request has expired</Message>" in body) == (403, True)


async def test_a_url_holds_its_ten_minutes_across_updates_and_the_zip_goes_with_it(world: World) -> None:
    url, kept = world.url(), SupersededCode(world.functions, world.code, world.clock)
    key = (ARN.account, ARN.region, ARN.name)
    for number in range(3):
        code = await world.code.keep(ARN, zip_of(("x.py", b"x = %d" % number)))
        after = kept.keep(world.function, world.function.with_version(world.function.latest.replace(code=code)))
        world.functions.save(after)
        world.code.delete_unused(world.function, after)
        world.function = after
        world.code.collect([after], [world.layer], 0)  # as a restart does
        assert await world.get(url) == (200, LARGE)
        world.clock.seconds += 290
        await kept.expire(key)
    first = len(world.chunks.held)
    world.clock.seconds += 30
    await kept.expire(key)
    assert len(world.chunks.held) == first - 1  # of the two that were still kept one is left
    assert (await world.get(url))[0] == 403


async def test_a_zip_that_the_disk_would_not_let_go_is_deleted_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(superseded, "_PAUSE_S", 0.0)
    kept, save = SupersededCode(world.functions, world.code, world.clock), world.functions.save
    code = await world.code.keep(ARN, SMALL)
    after = kept.keep(world.function, world.function.with_version(world.function.latest.replace(code=code)))
    save(after)
    failures = [sqlite3.OperationalError("database or disk is full")]

    def fail_once(function: Function) -> None:
        if failures:
            raise failures.pop()
        save(function)

    monkeypatch.setattr(world.functions, "save", fail_once)
    world.clock.seconds += 601
    kept.watch(after)
    async with asyncio.timeout(10):
        while (found := world.functions.find(ARN.account, ARN.region, ARN.name)) is None or found.superseded:
            await asyncio.sleep(0.01)
    await kept.close()
    assert not failures


async def test_what_was_changed_is_refused(world: World) -> None:
    url = world.url()
    before, _, signature = url.rpartition("=")
    expires = before.partition("Expires=")[2].partition("&")[0]
    changed = [
        before + "=" + "0" * 64,
        before + "=" + signature[:-1] + ("0" if signature[-1] != "0" else "1"),
        url.replace(expires, str(int(expires) + 1)),
        url.replace("/f/", "/g/"),
        url.replace("functions", "layers"),
        url.replace("us-east-1", "us-west-2"),
    ]
    for one in changed:
        status, body = await world.get(one)
        assert (status, b"<Code>SignatureDoesNotMatch</Code>" in body) == (403, True), one
    for one in (before, url.partition("?")[0], url + "&x=1", url.replace("/f/", "/../")):
        status, body = await world.get(one)
        assert (status, b"<Code>AccessDenied</Code>" in body) == (403, True), one
    assert (await world.get(url, b"PUT"))[0] == 403


async def test_what_is_gone_is_404_and_what_was_tampered_with_never_whole(world: World) -> None:
    world.chunks.held[next(iter(world.chunks.held))] = b"other bytes"
    status, body = await world.get(world.url())
    assert (status, b"<Code>InternalError</Code>" in body) == (500, True)
    url = world.url()
    world.functions.remove(ARN.account, ARN.region, ARN.name)
    status, body = await world.get(url)
    assert (status, b"<Code>NoSuchKey</Code>" in body) == (404, True)
