"""Sealed segments of log events: what a crash, a change or time does to them."""

import errno
import os
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from ingle.sealing import DataKey, OpenError, open_sealed, seal
from ingle.telemetry import (
    Damage,
    EventKey,
    LogBatchFacts,
    LogEvent,
    LogGroup,
    LogGroupSettings,
    LogQuery,
    SegmentError,
    encode_event,
    log_groups,
    segments,
)  # fmt: skip

KEY = DataKey(b"k" * 32)
DAY_MS = 24 * 3600 * 1000


class RealSealer:
    """Seals as control does, with the frame's header as context."""

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        return seal(plaintext, KEY, {"header": header.hex()})

    def open(self, sealed: bytes, header: bytes) -> bytes:
        try:
            return open_sealed(sealed, KEY, {"header": header.hex()})
        except OpenError as error:
            raise SegmentError(str(error)) from None


class Held(LogGroup):
    """A group that remembers what damage it has told of."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.damage: list[Damage] = []
        declared = settings.pop("declared", {})
        given = LogGroupSettings(**settings)
        super().__init__("/aws/lambda/f", 0, folder, RealSealer(), given, declared, self.damage.append)

    def put(self, stream: str, *events: tuple[int, str], ingested_ms: int | None = None) -> None:
        """Append a batch."""
        times = [at_ms for at_ms, _ in events]
        came_ms = times[-1] if ingested_ms is None else ingested_ms
        facts = LogBatchFacts(
            stream=stream, first_ms=min(times), last_ms=max(times), count=len(events), ingested_ms=came_ms
        )
        self.append(facts, b"".join(encode_event(at_ms, text.encode()) for at_ms, text in events))


def messages(held: LogGroup, **wanted: Any) -> list[str]:
    return [event.message for event in held.events(LogQuery(**wanted))]


def only_segment(folder: Path) -> Path:
    (path,) = folder.glob("*.segment")
    return path


def test_events_come_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.put("one", (1, "a"), (2, "ü"))
    held.put("two", (3, "b"))
    for one in (held, Held(tmp_path)):
        assert messages(one) == ["a", "ü", "b"]
        assert messages(one, streams=frozenset({"one"})) == ["a", "ü"]
        assert messages(one, start_ms=2, end_ms=3) == ["ü"]
        assert messages(one, is_backward=True) == ["b", "ü", "a"]
        assert (one.streams["one"].next_position, one.streams["one"].first_ms, one.streams["one"].last_ms) == (2, 1, 2)


def test_positions_name_events_of_a_stream_for_good(tmp_path: Path) -> None:
    held = Held(tmp_path)
    for number in range(3):
        held.put("s", (number, "x"), (number, "y"))
        held.put("t", (number, "z"))
    mine = frozenset({"s"})
    assert [event.position for event in held.events(LogQuery(streams=mine))] == [0, 1, 2, 3, 4, 5]
    assert [event.position for event in held.events(LogQuery(streams=mine, start_ms=2))] == [4, 5]


def test_a_frame_that_a_crash_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.put("s", (1, "whole"))
    path = only_segment(tmp_path)
    whole = path.read_bytes()
    held.put("s", (2, "torn"))
    torn = path.read_bytes()
    for size in range(len(whole), len(torn)):
        path.write_bytes(torn[:size])
        again = Held(tmp_path)
        assert (messages(again), again.damage) == (["whole"], [])
        assert path.read_bytes() == whole
    again.put("s", (3, "after"))
    assert messages(Held(tmp_path)) == ["whole", "after"]


def test_whatever_byte_is_changed_every_other_frame_is_still_read(tmp_path: Path) -> None:
    held = Held(tmp_path)
    ends = []
    for number in range(4):
        held.put("stream", (number, f"message {number}"))
        ends.append(only_segment(tmp_path).stat().st_size)
    path = only_segment(tmp_path)
    content = path.read_bytes()
    for at in range(len(content)):
        bent = bytearray(content)
        bent[at] ^= 1 << (at % 8)
        path.write_bytes(bent)
        again = Held(tmp_path)
        hit = next(number for number, end in enumerate(ends) if at < end)
        expected = [f"message {number}" for number in range(4) if number != hit]
        assert messages(again) == expected, at
        assert path.read_bytes() == bent, at
        assert len(again.damage) == 1, at
        again.put("stream", (9, "after"))
        assert messages(Held(tmp_path)) == [*expected, "after"], at


def old_frame(number: int) -> bytes:
    """Return a frame as earlier versions wrote it."""
    raw = struct.pack(">QQIQ", number, number, 1, number) + b"s"
    sealed = RealSealer().seal(encode_event(number, f"message {number}".encode()), raw)
    return struct.pack(">4sII", b"ILG1", len(raw), len(sealed)) + raw + sealed


def test_frames_of_earlier_versions_are_read_and_their_damage_is_skipped_too(tmp_path: Path) -> None:
    frames = [old_frame(number) for number in range(4)]
    path = tmp_path / "00000001.segment"
    content = b"".join(frames)
    path.write_bytes(content)
    held = Held(tmp_path)
    held.put("s", (7, "new"))
    assert messages(held) == ["message 0", "message 1", "message 2", "message 3", "new"]
    whole = path.read_bytes()
    for at in range(len(content)):
        bent = bytearray(whole)
        bent[at] ^= 1 << (at % 8)
        path.write_bytes(bent)
        hit = at // len(frames[0])
        expected = [f"message {number}" for number in range(4) if number != hit]
        assert messages(Held(tmp_path)) == [*expected, "new"], at


def test_a_bad_sector_costs_the_frames_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(tmp_path)
    ends = []
    for number in range(3):
        held.put("s", (number, f"{number}" + "x" * 100_000))
        ends.append(only_segment(tmp_path).stat().st_size)
    bad = range(ends[0] + 10, ends[0] + 522)
    pread = os.pread

    def read(descriptor: int, size: int, offset: int) -> bytes:
        if offset < bad.stop and offset + size > bad.start:
            raise OSError(errno.EIO, "a bad sector")
        return pread(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", read)
    again = Held(tmp_path)
    assert [message[0] for message in messages(again)] == ["0", "2"]
    assert len(again.damage) == 1


def test_bytes_that_are_no_frame_hide_nothing_behind_them(tmp_path: Path) -> None:
    held = Held(tmp_path)
    held.put("s", (1, "first"))
    with only_segment(tmp_path).open("ab") as file:
        file.write(os.urandom(3 << 20) + b"ILG2" + bytes(40))
    again = Held(tmp_path)
    again.put("s", (2, "second"))
    assert messages(Held(tmp_path)) == ["first", "second"]


def test_full_segments_are_followed_by_others_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(log_groups, "GROUP_LIMIT_BYTES", 5000)
    held = Held(tmp_path, declared={"declared": 5})
    held.put("declared", (0, "early"))
    held.put("once", (0, "early"))
    for number in range(100):
        held.put("s", (number, "x" * 100))
    size = sum(path.stat().st_size for path in tmp_path.glob("*.segment"))
    assert size == held.stored_bytes <= 5000
    kept = [event.at_ms for event in held.events()]
    assert kept == [event.position for event in held.events()] == list(range(kept[0], 100))
    assert [event.at_ms for event in Held(tmp_path).events()] == kept
    assert held.streams.keys() == {"declared", "s"}
    assert held.streams["declared"].last_ms is None


def test_what_has_expired_is_hidden_at_once_and_its_segments_are_deleted(tmp_path: Path) -> None:
    held = Held(tmp_path, retention_days=3)
    for day in range(10):
        held.put("s", (day * DAY_MS, f"day {day}"), (day * DAY_MS + 1, f"day {day} later"))
    now_ms = 9 * DAY_MS + 1
    assert next(event.message for event in held.events(now_ms=now_ms)) == "day 6 later"
    held.expire(now_ms)
    assert messages(held)[0] == "day 6"
    assert len(list(tmp_path.glob("*.segment"))) == 4
    held.expire(30 * DAY_MS)
    assert not list(tmp_path.glob("*.segment"))
    assert not held.streams
    held.put("s", (30 * DAY_MS, "afterwards"))
    assert messages(Held(tmp_path)) == ["afterwards"]


async def test_a_removed_streams_events_leave_the_disk_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    held = Held(tmp_path)
    for number in range(30):
        held.put("gone", (number, f"gone {number}"))
        if number > 10:
            held.put("kept", (number, f"kept {number}"))
    before = held.stored_bytes
    await held.erase("gone", held.remove_stream("gone"))
    expected = [f"kept {number}" for number in range(11, 30)]
    assert held.stored_bytes < before
    for one in (held, Held(tmp_path)):
        assert messages(one) == expected
        assert one.streams.keys() == {"kept"}
    held.put("gone", (50, "again"))
    assert messages(Held(tmp_path)) == [*expected, "again"]


def paged(held: LogGroup, **wanted: Any) -> list[LogEvent]:
    """Return all events of a query, asked for page by page."""
    found: list[LogEvent] = []
    origin: EventKey | None = None
    while True:
        page = held.page(LogQuery(origin=origin, **wanted), 0)()
        assert len(page.events) <= wanted.get("limit", 10_000)
        found += page.events
        if page.resume is None:
            return found
        origin = page.resume


@pytest.mark.parametrize("is_backward", [False, True])
def test_pages_are_in_the_order_of_times_and_miss_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_backward: bool
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1500)
    chance = random.Random(7)
    held = Held(tmp_path)
    for batch in range(60):
        times = sorted(chance.choices(range(40), k=chance.randint(1, 5)))
        held.put(chance.choice("abc"), *((at_ms, f"{batch} {number}") for number, at_ms in enumerate(times)))
    everything = paged(held)
    assert [event.key for event in everything] == sorted(event.key for event in everything)
    assert len(everything) == sum(info.next_position for info in held.streams.values())
    for limit, search_bytes in ((1, None), (3, 1), (7, 300), (10_000, 1), (10_000, None)):
        found = paged(held, is_backward=is_backward, limit=limit, search_bytes=search_bytes)
        assert found == (everything[::-1] if is_backward else everything)
    found = paged(held, is_backward=is_backward, start_ms=10, end_ms=20, search_bytes=1, streams=frozenset("ab"))
    assert sorted(event.key for event in found) == [
        event.key for event in everything if 10 <= event.at_ms < 20 and event.stream in "ab"
    ]


def test_a_page_holds_a_mebibyte(tmp_path: Path) -> None:
    held = Held(tmp_path)
    for number in range(5):
        held.put("s", *((number, "x" * 100_000) for _ in range(4)))
    page = held.page(LogQuery(), 0)()
    assert len(page.events) == 10
    assert len(paged(held)) == 20


def test_no_message_is_in_a_file(tmp_path: Path) -> None:
    Held(tmp_path).put("s", (1, "a secret message"))
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.glob("*"))
