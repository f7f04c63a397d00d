"""Payloads on their way in hold no more of the gateway's memory than they may."""

from pathlib import Path

from http_wire import connected, serving, settle

from ingle.gateway.intake import Intake
from ingle.protocol import AwsError
from ingle.transport import Exchange

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 80\r\n\r\n"


async def test_what_is_on_its_way_is_bounded_and_what_has_come_or_gone_is_not_counted(tmp_path: Path) -> None:
    intake = Intake(100)

    async def take(exchange: Exchange) -> None:
        try:
            exchange.respond(200, (), await intake.read(exchange))
        except AwsError as error:
            exchange.respond(error.status, ())

    path = tmp_path / "socket"
    async with serving(path, take), connected(path) as slow:
        slow.send(HEAD + b"x" * 60)
        await settle()
        async with connected(path) as other:
            other.send(HEAD + b"y" * 60)
            assert (await other.read_head()).status == 503
        async with connected(path) as whole:
            assert (await whole.ask(HEAD + b"z" * 80)).body == b"z" * 80
        assert (await slow.ask(b"x" * 20)).body == b"x" * 80
        for _ in range(2):
            async with connected(path) as gone:
                gone.send(HEAD + b"y" * 60)
        await settle()
        async with connected(path) as last:
            last.send(HEAD + b"y" * 60)
            assert (await last.ask(b"y" * 20)).status == 200
