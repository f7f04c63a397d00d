"""Sealed segments of log events: what a crash, a change or time does to them."""

import struct
from pathlib import Path

import pytest

from ingle.sealing import DataKey, OpenError, open_sealed, seal
from ingle.telemetry import LogGroup, SegmentError, log_groups, segments

KEY = DataKey(b"k" * 32)


class RealSealer:
    """Seals as control does, with the frame's header as context."""

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        return seal(plaintext, KEY, {"header": header.hex()})

    def open(self, sealed: bytes, header: bytes) -> bytes:
        try:
            return open_sealed(sealed, KEY, {"header": header.hex()})
        except OpenError as error:
            raise SegmentError(str(error)) from None


def group(folder: Path) -> LogGroup:
    return LogGroup("/aws/lambda/f", 0, folder, RealSealer())


def batch(*events: tuple[int, str]) -> tuple[int, int, int, bytes]:
    data = b"".join(struct.pack(">QI", at, len(text.encode())) + text.encode() for at, text in events)
    return events[0][0], events[-1][0], len(events), data


def messages(held: LogGroup, **wanted: object) -> list[str]:
    return [event.message for event in held.events(**wanted)]  # type: ignore[arg-type]


def test_events_come_back_in_order_also_after_a_restart(tmp_path: Path) -> None:
    held = group(tmp_path)
    held.append("one", *batch((1, "a"), (2, "ü")))
    held.append("two", *batch((3, "b")))
    for one in (held, group(tmp_path)):
        assert messages(one) == ["a", "ü", "b"]
        assert messages(one, streams={"one"}) == ["a", "ü"]
        assert messages(one, start_ms=2, end_ms=3) == ["ü"]
        assert (one.streams["one"].next_position, one.streams["one"].first_ms, one.streams["one"].last_ms) == (2, 1, 2)


def test_positions_name_events_of_a_stream_for_good(tmp_path: Path) -> None:
    held = group(tmp_path)
    for number in range(3):
        held.append("s", *batch((number, "x"), (number, "y")))
        held.append("t", *batch((number, "z")))
    assert [event.position for event in held.events(streams={"s"})] == [0, 1, 2, 3, 4, 5]
    assert [event.position for event in held.events(streams={"s"}, start_ms=2)] == [4, 5]


def test_a_frame_that_a_crash_left_unfinished_is_cut_off(tmp_path: Path) -> None:
    held = group(tmp_path)
    held.append("s", *batch((1, "whole")))
    (path,) = tmp_path.glob("*.segment")
    whole = path.read_bytes()
    held.append("s", *batch((2, "torn")))
    torn = path.read_bytes()
    for size in range(len(whole), len(torn)):
        path.write_bytes(torn[:size])
        again = group(tmp_path)
        assert messages(again) == ["whole"]
        assert path.read_bytes() == whole
    again.append("s", *batch((3, "after")))
    assert messages(group(tmp_path)) == ["whole", "after"]


def test_a_changed_byte_of_header_or_events_is_noticed(tmp_path: Path) -> None:
    group(tmp_path).append("s", *batch((1, "true")))
    (path,) = tmp_path.glob("*.segment")
    content = path.read_bytes()
    for at in (12, 25, len(content) - 1):
        bent = bytearray(content)
        bent[at] ^= 1
        path.write_bytes(bytes(bent))
        with pytest.raises(SegmentError):
            messages(group(tmp_path))


def test_full_segments_are_followed_by_others_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(log_groups, "GROUP_LIMIT_BYTES", 5000)
    held = group(tmp_path)
    for number in range(100):
        held.append("s", *batch((number, "x" * 100)))
    assert sum(path.stat().st_size for path in tmp_path.glob("*.segment")) <= 5000
    assert [event.position for event in held.events()] == [event.at_ms for event in held.events()]
    kept = [event.at_ms for event in held.events()]
    assert kept == list(range(kept[0], 100))
    assert [event.at_ms for event in group(tmp_path).events()] == kept


def test_no_message_is_in_a_file(tmp_path: Path) -> None:
    group(tmp_path).append("s", *batch((1, "a secret message")))
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.glob("*"))
