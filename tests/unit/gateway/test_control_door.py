"""What a gateway does for control: it follows the routes, and runs events."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from quiet_control import QuietControlPlane
from quiet_worker import QuietWorker

from ingle.gateway.doors.control_door import ControlDesk, Routing
from ingle.gateway.doors.deliveries import Deliveries
from ingle.gateway.fleet.admission import Admission
from ingle.gateway.fleet.fleet import Ages, Fleet
from ingle.gateway.fleet.scaling import Scaling
from ingle.gateway.fleet.templates import Templates
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls.index import UrlIndex
from ingle.links.gateway_control import DeliveryAnswer, DeliveryRefusedError, MemoryControl, ProvisionedRequest
from ingle.links.gateway_worker import Invocation, MemoryWorker
from ingle.protocol import AwsError
from ingle.routing import FunctionRoute, RoutingChange, RoutingSnapshot
from ingle.transport import DisconnectedError
from ingle.values import EVENT_LIMIT_BYTES, SystemClock

HEADERS = ((b"x-amz-executed-version", b"7"), (b"x-amz-function-error", b"Unhandled"))
ARN = "arn:aws:lambda:us-east-1:000000000000:function:f"
EVENT = Invocation(request_id=b"id", arn=ARN.encode(), trace=b"t", payload=b"{}")


def route(name: str) -> FunctionRoute:
    return FunctionRoute(account="0", region="r", name=name, versions={})


def change(generation: int, name: str, function: FunctionRoute | None) -> RoutingChange:
    return RoutingChange(generation=generation, account="0", region="r", name=name, function=function)


class CountingControl(QuietControlPlane):
    """Has the function `old`, as of generation 5, and counts who asks."""

    asked = 0

    async def snapshot(self) -> RoutingSnapshot:
        self.asked += 1
        return RoutingSnapshot(generation=5, functions=[route("old")])


class World:
    """A gateway without a front door, and its control."""

    def __init__(self) -> None:
        self.control, self.invoker = CountingControl(), cast(Any, SimpleNamespace(routes={}))
        worker, metrics = MemoryWorker(QuietWorker()), Metrics()
        fleet = Fleet(worker, SystemClock(), Ages(idle_s=60, most_s=600), metrics, Scaling(), tenant_limit=2)
        self.routing = Routing(
            self.invoker, UrlIndex("localhost"), Admission(limit=10), fleet, Templates(lambda: worker), metrics,
            MemoryControl(self.control),
        )  # fmt: skip
        self.desk = ControlDesk(self.routing, fleet, Deliveries(self.invoker, metrics))

    @property
    def names(self) -> set[str]:
        return {name for _, _, name in self.invoker.routes}


async def test_a_change_that_follows_the_last_is_applied_without_asking() -> None:
    world = World()
    await world.desk.refresh()
    await world.desk.apply(change(6, "new", route("new")))
    assert (world.names, world.control.asked) == ({"old", "new"}, 1)
    await world.desk.apply(change(7, "old", None))
    assert (world.names, world.control.asked) == ({"new"}, 1)
    request = ProvisionedRequest(account="0", region="r", function="new")
    assert await world.desk.provisioned_levels(request) == []


async def test_after_a_change_that_was_missed_the_snapshot_is_taken_and_the_change_on_top_of_it() -> None:
    world = World()
    await world.desk.refresh()
    await world.desk.apply(change(9, "new", route("new")))
    assert (world.names, world.control.asked) == ({"old", "new"}, 2)
    await world.desk.apply(change(10, "new", None))
    assert (world.names, world.control.asked) == ({"old"}, 2)


class Pieces:
    """As much of a worker's answer as relaying takes; `failure` breaks it off."""

    def __init__(self, *pieces: bytes, failure: Exception | None = None) -> None:
        self._pieces = pieces
        self._failure = failure
        self.is_closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(0)
            yield piece
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        self.is_closed = True


def desk(run: Callable[[Any], Awaitable[None]]) -> ControlDesk:
    """Return a desk whose events are run by `run`, which gets their replies."""
    world = World()
    world.invoker.run_event = lambda arn, event, reply: run(reply)
    deliveries = Deliveries(cast(Invoker, world.invoker), Metrics())
    return ControlDesk(world.routing, cast(Any, None), deliveries)


@pytest.mark.parametrize("keeps", [True, False])
async def test_an_answer_is_kept_only_for_whom_it_matters(keeps: bool) -> None:
    async def whole(reply: Any) -> None:
        reply.respond(HEADERS, b"abc")

    async def in_pieces(reply: Any) -> None:
        await reply.relay(Pieces(b"a", b"bc"), HEADERS)

    payload = b"abc" if keeps else b""
    for run in (whole, in_pieces):
        answer = await desk(run).deliver(EVENT, keeps_answer=keeps)
        assert answer == DeliveryAnswer(executed_version="7", function_error="Unhandled", payload=payload)


async def test_of_an_answer_that_is_too_large_for_an_event_only_so_much_is_kept_as_tells_that() -> None:
    async def whole(reply: Any) -> None:
        reply.respond(HEADERS, bytes(3 * EVENT_LIMIT_BYTES))

    async def in_pieces(reply: Any) -> None:
        await reply.relay(Pieces(*[bytes(EVENT_LIMIT_BYTES)] * 9), HEADERS)

    for run in (whole, in_pieces):
        answer = await desk(run).deliver(EVENT, keeps_answer=True)
        assert EVENT_LIMIT_BYTES < len(answer.payload) <= 2 * EVENT_LIMIT_BYTES


async def test_an_event_that_could_not_run_is_refused_and_one_that_broke_off_is_not() -> None:
    async def throttled(reply: Any) -> None:
        raise AwsError("TooManyRequestsException", "Rate Exceeded.")

    pieces = Pieces(b"a", failure=DisconnectedError("the worker was lost"))

    async def broken(reply: Any) -> None:
        await reply.relay(pieces, HEADERS)

    with pytest.raises(DeliveryRefusedError):
        await desk(throttled).deliver(EVENT, keeps_answer=True)
    with pytest.raises(DisconnectedError):
        await desk(broken).deliver(EVENT, keeps_answer=True)
    assert pieces.is_closed
