"""Queued events on a real SQLite file: durable, sealed, committed in groups."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import msgspec
import pytest

from ingle.control.events.event_queue import Delivery, EventQueue, Onward
from ingle.keys import FileRootKey, Keyring
from ingle.queues import Condition, EventNotKeptError, QueueFullError, QuotaLimits
from ingle.sealing import OpenError
from ingle.store import EventRepository, open_queue
from ingle.values import FunctionArn, SystemClock

ARN = FunctionArn(region="us-east-1", account="000000000000", name="f", qualifier="live")
KEY = ("000000000000", "us-east-1", "f")
DELIVERY = Delivery(trace=b"Root=1", payload=b'{"secret": "plain words"}')


class CountingRepository(EventRepository):
    """Counts commits."""

    commits = 0

    def commit(self, changes: Iterable[object]) -> None:
        self.commits += 1
        super().commit(changes)  # type: ignore[arg-type]


class World:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue.sqlite"
        self.connection = open_queue(self.path)
        self.repository = CountingRepository(self.connection)
        self.queue = EventQueue(self.repository, Keyring(FileRootKey(folder / "root.key")), SystemClock())

    def rows(self, table: str) -> int:
        return int(self.connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.queue.close()


async def test_an_event_comes_back_with_everything_after_a_restart(tmp_path: Path) -> None:
    before = World(tmp_path)
    await before.queue.accept(ARN, "r-1", DELIVERY)
    await before.queue.close()
    after = World(tmp_path)
    assert await after.queue.functions() == [KEY]
    [one], again_ms = await after.queue.due(KEY, 5, frozenset())
    assert again_ms is None
    assert (one.event.arn, one.event.request_id, one.event.failures) == (ARN, "r-1", 0)
    assert await after.queue.open(one) == DELIVERY
    await after.queue.end(one.event, Condition.SUCCESS)
    assert (await after.queue.statistics()).depth == 0
    await after.queue.close()


async def test_many_at_once_share_commits(world: World) -> None:
    await asyncio.gather(*(world.queue.accept(ARN, f"r-{number}", DELIVERY) for number in range(100)))
    assert world.rows("events") == 100
    assert world.repository.commits < 10


async def test_no_file_holds_a_payload(world: World) -> None:
    await world.queue.accept(ARN, "r-1", DELIVERY)
    for path in world.path.parent.iterdir():
        assert b"plain words" not in path.read_bytes()


async def test_sealed_payloads_can_not_be_exchanged(world: World) -> None:
    await world.queue.accept(ARN, "r-1", DELIVERY)
    await world.queue.accept(ARN, "r-2", Delivery(trace=b"", payload=b"2"))
    world.connection.execute("UPDATE events SET sealed = (SELECT sealed FROM events WHERE request_id = 'r-2')")
    [one, _], _ = await world.queue.due(KEY, 2, frozenset())
    with pytest.raises(OpenError):
        await world.queue.open(one)


async def test_what_is_under_way_is_not_due_again_and_later_events_say_when(world: World) -> None:
    await world.queue.accept(ARN, "r-1", DELIVERY)
    await world.queue.accept(ARN, "r-2", DELIVERY)
    [first], _ = await world.queue.due(KEY, 1, frozenset())
    [second], again_ms = await world.queue.due(KEY, 5, frozenset({first.event.id}))
    assert (second.event.request_id, again_ms) == ("r-2", None)
    later_ms = SystemClock().now_ms() + 60_000
    await world.queue.put_back(msgspec.structs.replace(first.event, due_ms=later_ms, failures=1))
    assert await world.queue.due(KEY, 5, frozenset({second.event.id})) == ([], later_ms)


async def test_a_deleted_function_takes_its_events_and_their_keys_along(world: World) -> None:
    other = FunctionArn(region=ARN.region, account=ARN.account, name="other")
    await world.queue.accept(ARN, "r-1", DELIVERY)
    await world.queue.accept(other, "r-2", DELIVERY)
    [one], _ = await world.queue.due(KEY, 1, frozenset())
    await world.queue.forget(ARN)
    assert (world.rows("events"), world.rows("event_keys")) == (1, 1)
    assert await world.queue.open(one) is None
    await world.queue.accept(ARN, "r-3", DELIVERY)  # a function of that name again: under a key of its own
    assert (world.rows("events"), world.rows("event_keys")) == (2, 2)


async def test_one_that_can_not_be_kept_takes_no_other_along(world: World) -> None:
    await world.queue.accept(ARN, "r-1", DELIVERY)
    world.connection.execute("DELETE FROM events")
    world.connection.execute("DELETE FROM event_keys")  # the queue goes on to seal under a key that is not on disk
    other = FunctionArn(region=ARN.region, account=ARN.account, name="other")
    lost, kept = await asyncio.gather(
        world.queue.accept(ARN, "r-2", DELIVERY), world.queue.accept(other, "r-3", DELIVERY), return_exceptions=True
    )
    assert isinstance(lost, EventNotKeptError)
    assert kept is None
    await world.queue.accept(ARN, "r-4", DELIVERY)
    assert world.rows("events") == 2


async def test_a_change_that_can_not_be_made_holds_up_no_other(world: World) -> None:
    await world.queue.accept(ARN, "r-1", DELIVERY)
    [one], _ = await world.queue.due(KEY, 1, frozenset())
    with pytest.raises(EventNotKeptError):
        await world.queue.put_back(msgspec.structs.replace(one.event, due_ms=2**70))
    await world.queue.accept(ARN, "r-2", DELIVERY)
    assert world.rows("events") == 2


async def test_keys_that_no_event_needs_are_deleted_at_the_start(tmp_path: Path) -> None:
    before = World(tmp_path)
    await before.queue.accept(ARN, "r-1", DELIVERY)
    [one], _ = await before.queue.due(KEY, 1, frozenset())
    await before.queue.end(one.event, Condition.SUCCESS)
    assert before.rows("event_keys") == 1
    await before.queue.close()
    after = World(tmp_path)
    assert after.rows("event_keys") == 0
    await after.queue.close()


def limited(folder: Path, limits: QuotaLimits) -> EventQueue:
    repository = EventRepository(open_queue(folder / "queue.sqlite"))
    return EventQueue(repository, Keyring(FileRootKey(folder / "root.key")), SystemClock(), limits)


@pytest.mark.parametrize(
    "limits",
    [
        QuotaLimits(function_events=2),
        QuotaLimits(function_bytes=300),
        QuotaLimits(all_bytes=300),
    ],
)
async def test_no_more_events_wait_than_may_also_after_a_restart(tmp_path: Path, limits: QuotaLimits) -> None:
    queue = limited(tmp_path, limits)
    accepted = 0
    with pytest.raises(QueueFullError):
        for number in range(10):
            await queue.accept(ARN, f"r-{number}", DELIVERY)
            accepted += 1
    await queue.close()
    queue = limited(tmp_path, limits)
    with pytest.raises(QueueFullError):
        await queue.accept(ARN, "again", DELIVERY)
    [one], _ = await queue.due(KEY, 1, frozenset())
    await queue.end(one.event, Condition.SUCCESS)
    await queue.accept(ARN, "now", DELIVERY)
    await queue.forget(ARN)
    for number in range(accepted):
        await queue.accept(ARN, f"r-{number}", DELIVERY)
    await queue.close()


async def test_an_event_ends_though_the_queue_of_its_destination_is_full(tmp_path: Path) -> None:
    queue = limited(tmp_path, QuotaLimits(function_events=1))
    target = FunctionArn(region="us-east-1", account="000000000000", name="target")
    await queue.accept(target, "held", DELIVERY)
    await queue.accept(ARN, "r", DELIVERY)
    [one], _ = await queue.due(KEY, 1, frozenset())
    await queue.end(one.event, Condition.SUCCESS, Onward(arn=target, request_id="o", delivery=DELIVERY))
    told = await queue.statistics()
    assert (told.depth, told.reported, told.unreported) == (1, 0, 1)
    await queue.close()
