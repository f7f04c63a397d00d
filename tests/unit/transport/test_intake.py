"""Bodies hold no more of a program's memory than they may, on their way in and while they are worked on."""

import asyncio
from pathlib import Path

import pytest
from http_wire import connected, serving, settle

from ingle.transport import BodyTooLargeError, Exchange, Intake, IntakeFullError

HEAD = b"POST / HTTP/1.1\r\nhost: %b\r\ncontent-length: 80\r\n\r\n"


class World:
    """A handler that reads a body for whoever its Host names, and works on it until it may answer."""

    def __init__(self) -> None:
        self.intake = Intake(200)
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, exchange: Exchange) -> None:
        owner = (exchange.header(b"host") or b"").decode()
        with self.intake.hold(owner) as holding:
            try:
                body = await holding.read(exchange, 90)
            except (IntakeFullError, BodyTooLargeError) as error:
                exchange.respond(503 if isinstance(error, IntakeFullError) else 413, ())
                return
            await self.may_answer.wait()
            exchange.respond(200, (), body)


@pytest.fixture
def world() -> World:
    return World()


async def test_what_is_on_its_way_is_bounded_and_what_has_come_or_gone_is_not_counted(
    world: World, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    async with serving(path, world), connected(path) as slow:
        slow.send(HEAD % b"a" + b"x" * 60)
        await settle()
        async with connected(path) as other:
            other.send(HEAD % b"a" + b"y" * 60)
            assert (await other.read_head()).status == 503
        async with connected(path) as whole:
            assert (await whole.ask(HEAD % b"a" + b"z" * 80)).body == b"z" * 80
        assert (await slow.ask(b"x" * 20)).body == b"x" * 80
        for _ in range(2):
            async with connected(path) as gone:
                gone.send(HEAD % b"a" + b"y" * 60)
        await settle()
        async with connected(path) as last:
            last.send(HEAD % b"a" + b"y" * 60)
            assert (await last.ask(b"y" * 20)).status == 200


async def test_a_body_counts_until_it_has_been_worked_on(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    world.may_answer.clear()
    async with serving(path, world), connected(path) as first, connected(path) as second:
        first.send(HEAD % b"a" + b"x" * 60)
        await settle()
        first.send(b"x" * 20)
        await settle()
        second.send(HEAD % b"a" + b"y" * 60)
        assert (await second.read_head()).status == 503
        world.may_answer.set()
        assert (await first.read_response()).status == 200
        async with connected(path) as third:
            third.send(HEAD % b"a" + b"y" * 60)
            await settle()
            assert (await third.ask(b"y" * 20)).status == 200


async def test_one_owner_leaves_room_for_the_others(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serving(path, world), connected(path) as greedy, connected(path) as other, connected(path) as third:
        greedy.send(HEAD % b"a" + b"x" * 60)
        other.send(HEAD % b"b" + b"x" * 60)
        await settle()
        third.send(HEAD % b"c" + b"x" * 79)
        await settle()
        for peer, rest in ((greedy, 20), (other, 20), (third, 1)):
            peer.send(b"x" * rest)
        statuses = [(await peer.read_head()).status for peer in (greedy, other, third)]
        assert sorted(statuses) == [200, 200, 503]


async def test_a_body_that_is_too_large_is_refused_before_it_has_come(world: World, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with serving(path, world), connected(path) as peer:
        peer.send(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n50\r\n" + b"x" * 80 + b"\r\n")
        await settle()
        peer.send(b"14\r\n" + b"x" * 20 + b"\r\n")
        assert (await peer.read_head()).status == 413
