"""Log groups while several callers change them at once."""

import asyncio
import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest

from ingle.control.api.request import Request
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.services.logs.events import LogEvents
from ingle.iam import Principal
from ingle.keys import FileRootKey, Keyring
from ingle.store import LogGroupRepository, open_database
from ingle.telemetry import LogBatchFacts, LogEvent, LogGroup, LogGroupSettings, LogQuery, encode_event
from ingle.values import SystemClock

KEY = GroupKey(account="000000000000", region="us-east-1", name="g")


@pytest.fixture
def store(tmp_path: Path) -> LogStore:
    return opened(tmp_path)


def opened(folder: Path) -> LogStore:
    repository = LogGroupRepository(open_database(folder / "metadata.sqlite"))
    return LogStore(repository, Keyring(FileRootKey(folder / "root.key")), folder / "logs", SystemClock())


async def put(store: LogStore, stream: str, at_ms: int, message: str) -> None:
    facts = LogBatchFacts(stream=stream, first_ms=at_ms, last_ms=at_ms, count=1, ingested_ms=at_ms)
    await store.append(KEY, facts, encode_event(at_ms, message.encode()))


async def messages(store: LogStore) -> list[str]:
    group = store.find(KEY)
    assert group is not None
    return [one.message for one in (await store.page(group, LogQuery())).events]


async def filled(store: LogStore, streams: Sequence[str]) -> LogGroup:
    for at_ms in range(1, 40):
        for stream in streams:
            await put(store, stream, at_ms, f"{stream} {at_ms}")
    group = store.find(KEY)
    assert group is not None
    return group


async def test_streams_that_are_deleted_at_once_take_nothing_else_along(store: LogStore, tmp_path: Path) -> None:
    await filled(store, "abcdefk")
    await asyncio.gather(*(store.delete_stream(KEY, stream) for stream in "abcdef"))
    expected = [f"k {at_ms}" for at_ms in range(1, 40)]
    for one in (store, opened(tmp_path)):
        assert await messages(one) == expected
        assert one.statistics().damaged == 0


async def test_a_stream_that_comes_again_while_it_is_deleted_keeps_what_is_new(store: LogStore) -> None:
    await filled(store, "ab")
    deletions = [asyncio.ensure_future(store.delete_stream(KEY, stream)) for stream in "ab"]
    await asyncio.sleep(0)
    await put(store, "b", 100, "new")
    await asyncio.gather(*deletions)
    assert await messages(store) == ["new"]


async def test_who_reads_while_a_stream_is_deleted_sees_no_damage(store: LogStore) -> None:
    group = await filled(store, "ak")
    read = group.page(LogQuery(), 0)
    await store.delete_stream(KEY, "a")
    found: Sequence[LogEvent] = read().events
    assert [one.message for one in found] == [f"k {at_ms}" for at_ms in range(1, 40)]
    assert store.statistics().damaged == 0


async def test_a_group_is_deleted_while_its_streams_are(store: LogStore) -> None:
    await filled(store, "ab")
    await asyncio.gather(store.delete_stream(KEY, "a"), store.delete_stream(KEY, "b"), store.delete(KEY))
    assert store.find(KEY) is None
    store.create(KEY, LogGroupSettings())
    assert await messages(store) == []


async def test_a_frame_that_takes_a_damaged_ones_place_is_read(store: LogStore, tmp_path: Path) -> None:
    await put(store, "a", 1, "damaged")
    (path,) = (tmp_path / "logs").glob("*/*.segment")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    await put(store, "k", 2, "kept")
    assert await messages(store) == ["kept"]
    assert store.statistics().damaged == 1
    await store.delete_stream(KEY, "a")
    assert await messages(store) == ["kept"]


async def test_a_group_that_cannot_be_cleaned_stops_no_other_from_expiring(
    store: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("bad", "good")
    looked_at: list[str] = []
    for name in names:
        store.create(GroupKey(account=KEY.account, region=KEY.region, name=name), LogGroupSettings(retention_days=1))

    def expire(group: LogGroup, now_ms: int) -> None:
        looked_at.append(group.name)
        if group.name == "bad":
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(LogGroup, "expire", expire)
    expiring = asyncio.create_task(store.expire())
    for _ in range(10):
        await asyncio.sleep(0)
    assert looked_at == list(names)
    assert not expiring.done()
    expiring.cancel()


async def test_a_group_whose_folder_is_gone_can_be_deleted(store: LogStore, tmp_path: Path) -> None:
    await filled(store, "a")
    shutil.rmtree(next((tmp_path / "logs").iterdir()))
    await store.delete(KEY)
    assert store.find(KEY) is None


async def test_a_group_that_could_not_be_deleted_goes_on(store: LogStore, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(store, "a")

    def fail(repository: LogGroupRepository, identifier: str) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(LogGroupRepository, "remove", fail)
    with pytest.raises(sqlite3.OperationalError):
        await store.delete(KEY)
    await put(store, "a", 100, "behind")
    assert (await messages(store))[-1] == "behind"


async def test_events_may_be_put_while_their_stream_is_deleted(store: LogStore) -> None:
    await filled(store, "a")
    root = Principal(arn="arn:aws:iam::000000000000:root", account=KEY.account, is_root=True)
    event = {"timestamp": SystemClock().now_ms(), "message": "late"}
    wish = {"logGroupName": KEY.name, "logStreamName": "a", "logEvents": [event]}
    request = Request(principal=root, action="logs:PutLogEvents", account=KEY.account, region=KEY.region, input=wish)
    await asyncio.gather(LogEvents(store, SystemClock()).put_events(request), store.delete_stream(KEY, "a"))
    assert await messages(store) == []
