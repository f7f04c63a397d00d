"""The link of gateway and worker: over a socket and in memory, each call arrives, and each loss is told alike."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from over_http import over_http
from quiet_worker import QuietWorker

from ingle.environments import VersionKey
from ingle.links.gateway_worker import (
    Answer,
    Caller,
    CannotServeError,
    Ending,
    EnvironmentGone,
    EnvironmentStarted,
    Fate,
    Invocation,
    LinkRefusedError,
    MemoryWorker,
    StartEnvironment,
    StartRefusedError,
    Worker,
    WorkerClient,
    WorkerDoor,
    WorkerLeaving,
)
from ingle.transport import ConnectionFailedError, DisconnectedError, HttpServer

KEY = VersionKey(account="000000000000", region="us-east-1", function="f", version="1", revision="r")
PLAIN = Invocation(request_id=b"id", arn=b"arn:aws:lambda:us-east-1:0:function:f", trace=b"Root=1", payload=b"{}")
FULL = Invocation(
    request_id=b"id",
    arn=b"arn",
    trace=b"Root=1",
    payload=b"x" * 300_000,
    tenant="blue",
    wants_tail=True,
    wants_stream=True,
    client_context=b'{"a":1}',
)


class ServingWorker(QuietWorker):
    """Keeps the invocations that come, and their callers; it has an environment named `free`."""

    def __init__(self) -> None:
        super().__init__()
        self.invocations: asyncio.Queue[tuple[Invocation, Caller]] = asyncio.Queue()
        self.refusal: Exception | None = None
        self.may_start = asyncio.Event()
        self.may_start.set()

    def invoke(self, identifier: bytes, invocation: Invocation, caller: Caller) -> bool:
        if identifier != b"free":
            return False
        self.invocations.put_nowait((invocation, caller))
        return True

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        assert wanted.version == KEY
        self.heard.put_nowait("start")
        await self.may_start.wait()
        if self.refusal is not None:
            raise self.refusal
        return await super().start(wanted)

    async def settle(self, identifier: bytes) -> bool:
        return identifier == b"free"

    async def is_ready(self) -> bool:
        return False


class Pair:
    """Both ends, and how to break what is between them."""

    def __init__(self, worker: Worker, handler: ServingWorker, server: HttpServer | None) -> None:
        self.worker = worker
        self.handler = handler
        self._server = server

    async def invoke(self, invocation: Invocation = PLAIN) -> tuple["asyncio.Task[Answer]", Invocation, Caller]:
        """Begin an invocation; return what the gateway waits for, and what the worker has."""
        answer = asyncio.ensure_future(self.worker.invoke(b"free", invocation))
        arrived, caller = await self.handler.invocations.get()
        return answer, arrived, caller

    async def cut(self) -> None:
        """Break the link for good."""
        if isinstance(self.worker, MemoryWorker):
            self.worker.cut()
        elif self._server is not None:
            await self._server.drain(0)

    def leave(self) -> None:
        """Have the gateway go."""
        if isinstance(self.worker, MemoryWorker):
            self.worker.cut()
        elif isinstance(self.worker, WorkerClient):
            self.worker.close()


@pytest.fixture(params=["http", "memory"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Pair]:
    handler = ServingWorker()
    if request.param == "memory":
        yield Pair(MemoryWorker(handler), handler, None)
        return
    async with over_http(tmp_path, WorkerDoor, WorkerClient, handler) as (client, server):
        yield Pair(client, handler, server)


@pytest.mark.parametrize("invocation", [PLAIN, FULL], ids=["plain", "full"])
async def test_an_invocation_arrives_as_it_was_asked_for(pair: Pair, invocation: Invocation) -> None:
    waiting, arrived, caller = await pair.invoke(invocation)
    assert arrived == invocation
    caller.answer(b"{}", Fate.IDLE)
    await waiting


@pytest.mark.parametrize("fate", Fate)
async def test_a_whole_answer_tells_all_at_once(pair: Pair, fate: Fate) -> None:
    waiting, _, caller = await pair.invoke()
    assert not caller.has_begun
    caller.answer(b"[1]", fate, has_failed=True, log_result=b"bG9n")
    assert caller.has_begun
    answer = await waiting
    assert (answer.body_nowait, answer.content_type, answer.fate) == (b"[1]", b"application/json", fate)
    assert (answer.function_error, answer.log_result) == (b"Unhandled", b"bG9n")
    assert answer.is_whole
    assert answer.ending == Ending(fate=fate, log_result=b"bG9n")


async def test_an_answer_without_an_error_names_none(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    caller.answer(b"", Fate.IDLE)
    answer = await waiting
    assert (await answer.read(10), answer.function_error, answer.log_result) == (b"", b"", b"")


async def test_a_stream_comes_in_pieces_and_tells_at_its_end_how_it_went(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    caller.begin(b"text/plain")
    answer = await waiting
    assert (answer.content_type, answer.body_nowait, answer.is_whole) == (b"text/plain", None, False)
    pieces = answer.chunks()
    for piece in (b"a", b"b"):
        writing = asyncio.ensure_future(caller.write(piece))
        assert await anext(pieces) == piece
        await writing
    ending = Ending(fate=Fate.GONE, error_code=b"Sandbox.Timedout", error_details=b"\x00late", log_result=b"bG9n")
    caller.end(ending)
    assert [piece async for piece in pieces] == []
    assert answer.is_whole
    assert answer.ending == ending


async def test_an_environment_that_is_not_there_serves_nobody(pair: Pair) -> None:
    with pytest.raises(CannotServeError):
        await pair.worker.invoke(b"gone", PLAIN)


async def test_an_answer_that_is_cut_is_not_taken_for_a_whole_one(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    caller.cut()
    with pytest.raises(DisconnectedError):
        await waiting
    waiting, _, caller = await pair.invoke()
    caller.begin(b"text/plain")
    writing = asyncio.ensure_future(caller.write(b"a"))
    answer = await waiting
    pieces = answer.chunks()
    assert await anext(pieces) == b"a"
    await writing
    caller.cut()
    with pytest.raises(DisconnectedError):
        await anext(pieces)
    assert not answer.is_whole


async def test_a_caller_that_gives_up_is_gone(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    caller.begin(b"text/plain")
    (await waiting).close()
    async with asyncio.timeout(10):
        while not caller.is_gone:
            await asyncio.sleep(0.001)
    with pytest.raises(DisconnectedError):
        await caller.write(b"a")
    caller.end(Ending(fate=Fate.IDLE))


async def test_orders_arrive_and_are_answered(pair: Pair) -> None:
    worker = pair.worker
    assert await worker.start(StartEnvironment(version=KEY)) == EnvironmentStarted(
        environment_id="1", init_failed=False
    )
    await worker.end(b"1")
    await worker.reset()
    await worker.prepare("python3.13")
    await worker.want_template(KEY)
    await worker.forget_template(KEY)
    heard = [await pair.handler.heard.get() for _ in range(6)]
    assert heard == ["start", "end 1", "reset", "prepare python3.13", "want f:1", "forget f:1"]
    assert [await worker.settle(b"free"), await worker.settle(b"gone")] == [True, False]
    assert (await worker.report_environments(), await worker.is_ready()) == ([], False)
    assert [level.wanted for level in await worker.report_pools()] == [4]


async def test_a_start_that_is_refused_says_why_and_one_that_fails_does_not(pair: Pair) -> None:
    pair.handler.refusal = StartRefusedError("no room", "SnapStartException")
    with pytest.raises(StartRefusedError, match="no room") as refused:
        await pair.worker.start(StartEnvironment(version=KEY))
    assert refused.value.code == "SnapStartException"
    pair.handler.refusal = RuntimeError("a mistake of ours")
    with pytest.raises(LinkRefusedError):
        await pair.worker.start(StartEnvironment(version=KEY))


async def test_changes_are_told_in_order(pair: Pair) -> None:
    pair.handler.told.put_nowait(EnvironmentGone(environment_id="1"))
    pair.handler.told.put_nowait(WorkerLeaving())
    changes = pair.worker.changes()
    assert [await anext(changes), await anext(changes)] == [EnvironmentGone(environment_id="1"), WorkerLeaving()]


async def test_a_link_that_breaks_fails_what_waits_and_what_comes_later(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    pair.handler.may_start.clear()
    starting = asyncio.ensure_future(pair.worker.start(StartEnvironment(version=KEY)))
    listening = asyncio.ensure_future(_first(pair.worker))
    assert await pair.handler.heard.get() == "start"
    await pair.cut()
    for lost in (waiting, starting, listening):
        with pytest.raises(DisconnectedError):
            await lost
    assert caller.is_gone
    with pytest.raises(ConnectionFailedError):
        await pair.worker.invoke(b"free", PLAIN)
    with pytest.raises(ConnectionFailedError):
        await pair.worker.is_ready()
    with contextlib.suppress(DisconnectedError):
        await caller.write(b"")


async def test_what_was_started_for_a_gateway_that_is_gone_ends(pair: Pair) -> None:
    waiting, _, caller = await pair.invoke()
    pair.handler.may_start.clear()
    starting = asyncio.ensure_future(pair.worker.start(StartEnvironment(version=KEY)))
    assert await pair.handler.heard.get() == "start"
    pair.leave()
    lost: asyncio.Task[Any]
    for lost in (waiting, starting):
        with pytest.raises(DisconnectedError):
            await lost
    async with asyncio.timeout(10):
        while not caller.is_gone:
            await asyncio.sleep(0.001)
    pair.handler.may_start.set()
    assert await pair.handler.heard.get() == "end 1"


async def _first(worker: Worker) -> object:
    return await anext(worker.changes())
