"""Control's front takes bodies only from those who may have them taken, and only so many."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from http_wire import Peer, connected, serving, settle
from signing import KEY_ID, SECRET, Wire, sign

from ingle.control.doors.front import Front
from ingle.control.identity.identities import Identity
from ingle.iam import Principal
from ingle.transport import Intake
from ingle.values import SystemClock

ROOT = Principal(arn="arn:aws:iam::000000000000:root", account="000000000000", is_root=True)
ROLE = Principal(arn="arn:aws:sts::000000000000:assumed-role/r/f", account="000000000000", is_root=False)
PATH = "/2015-03-31/functions"
BODY = b"{}" + b" " * 600_000


class KnowsOneKey:
    def find(self, access_key_id: str, session_token: str | None) -> Identity | None:
        principal = ROOT if session_token is None else ROLE
        return Identity(principal=principal, secret_access_key=SECRET) if access_key_id == KEY_ID else None


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    """The socket of a front without handlers, which takes 1 MB of bodies of one caller."""
    known: Any = KnowsOneKey()
    front = Front("000000000000", known, SystemClock(), {"lambda": {}}, None, None, None, Intake(2_000_000))  # type: ignore[arg-type]
    async with serving(tmp_path / "control.sock", front):
        yield tmp_path / "control.sock"


def head(wire: Wire) -> bytes:
    lines = b"".join(b"%b: %b\r\n" % pair for pair in wire.headers)
    return b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n" % (wire.method, wire.target, lines, len(wire.body))


def creation(**settings: Any) -> Wire:
    return sign("POST", PATH, body=BODY, **settings).without(b"content-length")


@contextlib.asynccontextmanager
async def begun(path: Path, wire: Wire, count: int = 1000) -> AsyncIterator[Peer]:
    """Send a request's head and a part of its body."""
    async with connected(path) as peer:
        peer.send(head(wire) + wire.body[:count])
        await settle()
        yield peer


async def code_of(peer: Peer) -> str:
    told = msgspec.json.decode((await peer.read_response()).body)
    return str(told.get("message") or told.get("Message"))


async def test_who_may_do_nothing_has_no_body_taken(path: Path) -> None:
    async with begun(path, creation(token="session")) as peer:
        assert await code_of(peer) == f"User: {ROLE.arn} is not authorized to perform: lambda:CreateFunction"


async def test_a_signature_that_can_be_checked_before_the_body_is(path: Path) -> None:
    claimed = {"X-Amz-Content-Sha256": "0" * 64}
    wire = creation(headers=claimed)
    forged = dataclasses.replace(wire, headers=[*wire.headers]).replaced(b"Signature=", b"Signature=0")
    async with begun(path, forged) as peer:
        assert (await code_of(peer)).startswith("The request signature we calculated does not match")
    async with begun(path, wire, len(BODY)) as peer:
        assert await code_of(peer) == "The value of x-amz-content-sha256 is not the hash of the body."


async def test_one_caller_has_so_much_taken_at_once(path: Path) -> None:
    async with begun(path, creation(), 590_000) as first:
        async with begun(path, creation(), 590_000) as second:
            assert (await second.read_response()).status == 503
        async with begun(path, creation(token="session"), 590_000) as other:
            assert (await other.read_response()).status == 403
        first.send(BODY[590_000:])
        assert (await first.read_response()).status == 501
    async with begun(path, creation(), len(BODY)) as third:
        assert (await third.read_response()).status == 501
