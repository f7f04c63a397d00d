"""The dispatcher with a real queue, against a real gateway socket that answers what the test wants."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path

import msgspec
import pytest
from quiet_gateway import QuietGateway

from ingle.control.events.dispatcher import Dispatcher
from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.functions import Code, EventInvokeConfig, Function, Version
from ingle.keys import FileRootKey, Keyring
from ingle.links.gateway_control import (
    DeliveryAnswer,
    DeliveryRefusedError,
    Endpoint,
    GatewayClient,
    GatewayDoor,
    Invocation,
)
from ingle.queues import QueueUnreadableError
from ingle.store import EventRepository, FunctionRepository, open_database, open_queue
from ingle.transport import HttpServer, serve_http, unix_listener
from ingle.values import FunctionArn, SystemClock

CODE = Code(sha256="c2hh", size_bytes=3, wrapped_key=b"w", zip_manifest=b"{}")
FAILED = DeliveryAnswer(executed_version="$LATEST", function_error="Unhandled")
SERVED = DeliveryAnswer(executed_version="$LATEST")
TOKEN = "secret"


def arn(name: str, qualifier: str | None = None) -> FunctionArn:
    return FunctionArn(region="us-east-1", account="000000000000", name=name, qualifier=qualifier)


def function(name: str, reserved: int | None = None) -> Function:
    latest = Version(version="$LATEST", runtime="python3.11", role="r", handler="a.h", code=CODE)
    return Function(
        account="000000000000",
        region="us-east-1",
        name=name,
        versions={"$LATEST": latest},
        reserved_concurrency=reserved,
    )


class Gateway(QuietGateway):
    """Answers deliveries by `answer`, which refuses one by None, and remembers them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        self.traces: set[bytes] = set()
        self.running: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.answer: Callable[[str], DeliveryAnswer | None] = lambda name: SERVED
        self.held: dict[str, asyncio.Event] = {}

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        name = event.arn.decode().split(":")[6]
        self.traces.add(event.trace)
        self.seen.append((event.request_id.decode(), event.payload))
        self.running[name] = self.running.get(name, 0) + 1
        self.most[name] = max(self.most.get(name, 0), self.running[name])
        if name in self.held:
            await self.held[name].wait()
        self.running[name] -= 1
        answer = self.answer(name)
        if answer is None:
            raise DeliveryRefusedError("throttled")
        return answer


class World:
    """A queue, its dispatcher, and what the gateway saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gateway = Gateway()
        self.database = open_database(folder / "metadata.sqlite")
        self.functions = FunctionRepository(self.database)
        repository = EventRepository(open_queue(folder / "queue.sqlite"))
        self.queue = EventQueue(repository, Keyring(FileRootKey(folder / "root.key")), SystemClock())
        self.client = GatewayClient(Endpoint(address=str(folder / "gateway.sock"), token=TOKEN))
        self.dispatcher = Dispatcher(self.queue, self.functions, self.client, SystemClock(), 8, retry_s=0.03)

    async def serve(self) -> HttpServer:
        return await serve_http(GatewayDoor(TOKEN, self.gateway), unix_listener(self.folder / "gateway.sock"))

    async def close(self, running: "asyncio.Task[None]", server: HttpServer) -> None:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        self.client.close()
        await server.drain(1.0)
        await self.queue.close()
        self.database.close()

    async def accept(self, name: str, count: int = 1, qualifier: str | None = None) -> None:
        for number in range(count):
            await self.queue.accept(arn(name, qualifier), f"{name}-{number}", Delivery(trace=b"t", payload=b"{}"))

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                await asyncio.sleep(0.005)

    async def until_empty(self) -> None:
        async with asyncio.timeout(20):
            while (await self.queue.statistics()).depth:
                await asyncio.sleep(0.005)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    server = await made.serve()
    running = asyncio.create_task(made.dispatcher.run())
    yield made
    await made.close(running, server)


async def test_an_error_of_the_function_is_tried_three_times_with_one_request_id(world: World) -> None:
    world.functions.add(function("f"))
    world.gateway.answer = lambda name: FAILED
    await world.accept("f")
    await world.until_empty()
    assert world.gateway.seen == [("f-0", b"{}")] * 3
    assert world.gateway.traces == {b"t"}
    assert (await world.queue.statistics()).dropped == {"RetriesExhausted": 1}


async def test_the_retries_are_those_of_the_qualifiers_event_invoke_config(world: World) -> None:
    configs = {"$LATEST": EventInvokeConfig(maximum_retry_attempts=0)}
    world.functions.add(msgspec.structs.replace(function("f"), event_invoke_configs=configs))
    world.gateway.answer = lambda name: FAILED
    await world.accept("f")
    await world.until_empty()
    assert len(world.gateway.seen) == 1


async def test_throttled_events_are_tried_until_there_is_room(world: World) -> None:
    world.functions.add(function("f"))
    world.gateway.answer = lambda name: None if len(world.gateway.seen) < 20 else SERVED
    await world.accept("f", 5)
    await world.until_empty()
    assert len(world.gateway.seen) >= 20
    assert {one for one, _ in world.gateway.seen} == {f"f-{number}" for number in range(5)}
    assert (await world.queue.statistics()).dropped == {}


async def test_events_take_half_of_the_concurrency_and_one_function_half_of_that(world: World) -> None:
    for name in ("a", "b", "c"):
        world.functions.add(function(name))
        world.gateway.held[name] = asyncio.Event()
        await world.accept(name, 6)
    await world.until(lambda: sum(world.gateway.running.values()) == 4)
    await asyncio.sleep(0.02)
    assert world.gateway.running == {"a": 2, "b": 2}
    world.gateway.held["a"].set()
    await world.until(lambda: world.gateway.running.get("c", 0) > 0)
    for held in world.gateway.held.values():
        held.set()
    await world.until_empty()
    assert max(world.gateway.most.values()) == 2


async def test_a_function_has_no_more_under_way_than_its_reserved_concurrency(world: World) -> None:
    world.functions.add(function("one", reserved=1))
    world.functions.add(function("none", reserved=0))
    await world.accept("one", 4)
    await world.accept("none", 2)
    await world.until_empty()
    assert world.gateway.most == {"one": 1}
    assert (await world.queue.statistics()).dropped == {"ZeroReservedConcurrency": 2}


async def test_events_of_what_is_gone_are_dropped(world: World) -> None:
    world.functions.add(function("f"))
    await world.accept("f", qualifier="deleted")
    await world.accept("never-there")
    await world.until_empty()
    assert world.gateway.seen == []
    assert (await world.queue.statistics()).dropped == {"QualifierGone": 1}


async def test_a_gateway_that_is_away_costs_no_attempt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.functions.add(function("f"))
    await world.accept("f", 3)  # before the dispatcher starts: it finds what an earlier control left
    running = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(0.05)
    server = await world.serve()
    await world.until_empty()
    assert sorted(one for one, _ in world.gateway.seen) == ["f-0", "f-1", "f-2"]
    await world.close(running, server)


async def test_a_disk_that_fails_for_a_while_stops_no_delivery_for_good(world: World) -> None:
    world.functions.add(function("f"))
    await world.accept("f")
    await world.until_empty()
    disk = sqlite3.connect(world.folder / "queue.sqlite", isolation_level=None)
    held = world.gateway.held["f"] = asyncio.Event()
    await world.accept("f", 2)
    await world.until(lambda: world.gateway.running["f"] == 2)
    disk.execute("ALTER TABLE event_keys RENAME TO away")
    disk.execute("ALTER TABLE events RENAME COLUMN due_ms TO never")
    with pytest.raises(QueueUnreadableError):
        await world.queue.due(("000000000000", "us-east-1", "f"), 1, frozenset())
    held.set()
    await world.until(lambda: world.gateway.running["f"] == 0)
    disk.execute("ALTER TABLE events RENAME COLUMN never TO due_ms")
    disk.execute("ALTER TABLE away RENAME TO event_keys")
    disk.close()
    await world.until_empty()
    await world.accept("f")
    await world.until_empty()


async def test_an_event_ends_together_with_the_record_of_its_destination(world: World) -> None:
    config = EventInvokeConfig(on_success=str(arn("target")))
    world.functions.add(msgspec.structs.replace(function("f"), event_invoke_configs={"$LATEST": config}))
    world.functions.add(function("target"))
    commits: list[int] = []
    commit = world.queue._repository.commit

    def counted(changes: Iterable[Callable[[], None]]) -> None:
        listed = list(changes)
        commits.append(len(listed))
        commit(listed)

    world.queue._repository.commit = counted  # type: ignore[method-assign]
    await world.accept("f")
    await world.until(lambda: len(world.gateway.seen) == 2)
    await world.until_empty()
    assert commits == [2, 3, 1]  # key and event; the end of it, key and event of the record; the end of that
    request_id, record = world.gateway.seen[1]
    assert request_id != "f-0"
    assert b'"condition":"Success"' in record
    assert (await world.queue.statistics()).reported == 1


async def test_a_record_for_a_function_that_is_gone_is_counted_as_lost(world: World) -> None:
    config = EventInvokeConfig(on_failure=str(arn("gone")), maximum_retry_attempts=0)
    world.functions.add(msgspec.structs.replace(function("f"), event_invoke_configs={"$LATEST": config}))
    world.gateway.answer = lambda name: FAILED
    await world.accept("f")
    await world.until_empty()
    assert (await world.queue.statistics()).unreported == 1
