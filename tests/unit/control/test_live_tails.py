"""Live Tail sessions: how many there are, whom they are told of, and how they end."""

from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest
from log_arrivals import GROUP, OTHER, SETTINGS, arrival

from ingle.control.api.event_streams import EventStream
from ingle.control.api.request import StreamedEvent
from ingle.control.logs import live_tails
from ingle.control.logs.live_tails import SESSIONS_LIMIT, LiveTails, Selection, TooManySessionsError
from ingle.protocol import load_service
from ingle.transport import DisconnectedError, Exchange


def told(update: dict[str, Any]) -> list[str]:
    return [one["message"] for one in update["sessionResults"]]


async def test_an_account_has_a_bounded_number_of_sessions() -> None:
    tails = LiveTails()
    sessions = [tails.begin(Selection(groups=(GROUP,))) for _ in range(SESSIONS_LIMIT)]
    with pytest.raises(TooManySessionsError):
        tails.begin(Selection(groups=(GROUP,)))
    tails.end(sessions[0])
    tails.begin(Selection(groups=(GROUP,)))
    assert tails.wants(GROUP, SETTINGS)
    assert not tails.wants(OTHER, SETTINGS)


async def test_a_session_is_told_of_its_groups_streams_and_pattern() -> None:
    tails = LiveTails()
    whole = tails.begin(Selection(groups=(GROUP, OTHER)))
    named = tails.begin(Selection(groups=(GROUP,), streams=frozenset({"one"})))
    prefixed = tails.begin(Selection(groups=(GROUP,), prefixes=("t",), matches=lambda message: message != "x"))
    await tails.take(arrival("one", "a", "b"))
    await tails.take(arrival("two", "c", "x"))
    await tails.take(arrival("two", "d", key=OTHER))
    assert told(whole.update()) == ["a", "b", "c", "x", "d"]
    assert told(named.update()) == ["a", "b"]
    assert told(prefixed.update()) == ["c"]
    assert told(whole.update()) == []


async def test_an_update_is_a_sample_of_many_and_a_slow_client_loses_the_oldest() -> None:
    tails = LiveTails()
    session = tails.begin(Selection(groups=(GROUP,)))
    await tails.take(arrival("s", *map(str, range(6000))))
    update = session.update()
    assert update["sessionMetadata"] == {"sampled": True}
    numbers = [int(message) for message in told(update)]
    assert len(numbers) == 500
    assert numbers[0] == 1000
    assert numbers == sorted(set(numbers))
    await tails.take(arrival("s", *("x" * (1 << 20) for _ in range(20))))
    assert len(session.update()["sessionResults"]) == 8


async def test_a_session_ends_by_its_age_and_with_control(monkeypatch: pytest.MonkeyPatch) -> None:
    tails = LiveTails()
    old, young = tails.begin(Selection(groups=(GROUP,))), tails.begin(Selection(groups=(GROUP,)))
    old.until_s = 0.0
    assert await tails.next_update(old) is None
    assert not tails.is_closed
    monkeypatch.setattr(live_tails, "_UPDATE_S", 0.001)
    assert await tails.next_update(young) is not None
    tails.close()
    assert await tails.next_update(young) is None


class GoneExchange:
    """An exchange whose client goes away after the first piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def start(self, status: int, headers: object) -> None:
        pass

    async def write(self, data: bytes) -> None:
        if self.pieces:
            raise DisconnectedError("gone")
        self.pieces.append(data)


async def test_a_session_ends_with_its_client() -> None:
    ended = []

    async def events() -> AsyncGenerator[StreamedEvent, None]:
        try:
            while True:
                yield StreamedEvent("sessionUpdate", {"sessionResults": []})
        finally:
            ended.append(True)

    model, exchange = load_service("logs"), GoneExchange()
    stream = EventStream(model, model.operations["StartLiveTail"], events())
    with pytest.raises(DisconnectedError):
        await stream.send(cast(Exchange, exchange), (b"x", b"y"))
    assert ended == [True]
    assert b"initial-response" in exchange.pieces[0]
