"""The link of gateway and control: over a socket and in memory, each call arrives, and each refusal is told alike."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from over_http import over_http
from quiet_control import QuietControlPlane
from quiet_gateway import QuietGateway

from ingle.iam import Principal
from ingle.links.gateway_control import (
    Control,
    ControlClient,
    ControlDoor,
    DeliveryAnswer,
    DeliveryRefusedError,
    Endpoint,
    Gateway,
    GatewayClient,
    GatewayDoor,
    Invocation,
    LinkRefusedError,
    MemoryControl,
    MemoryGateway,
    ProvisionedLevel,
    ProvisionedRequest,
    SessionEndedError,
    SigningKey,
    SigningKeyRequest,
)
from ingle.queues import EventNotKeptError, QueueFullError
from ingle.routing import RoutingChange, RoutingSnapshot
from ingle.transport import ConnectionFailedError, DisconnectedError

EVENT = Invocation(request_id=b"id", arn=b"arn", trace=b"Root=1", payload=b"x" * 300_000, tenant="blue")
REQUEST = SigningKeyRequest(access_key_id="k", session_token=None, date="20260101", region="r", service="lambda")
KEY = SigningKey(key=b"\x00k", principal=Principal(arn="a", account="0", is_root=True))
CHANGE = RoutingChange(generation=2, account="0", region="r", name="f", function=None)
SNAPSHOT = RoutingSnapshot(generation=1, functions=[])
LEVELS = [ProvisionedLevel(version="1", ready=3)]


class SayingControl(QuietControlPlane):
    """Does as the test says."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.events: list[Invocation] = []

    async def snapshot(self) -> RoutingSnapshot:
        return SNAPSHOT

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        if self.refusal is not None:
            raise self.refusal
        return KEY if request == REQUEST else None

    async def accept_event(self, event: Invocation) -> bool:
        if self.refusal is not None:
            raise self.refusal
        self.events.append(event)
        return event == EVENT


class SayingGateway(QuietGateway):
    """Does as the test says, and remembers what it hears."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.heard: list[object] = []

    async def apply(self, change: RoutingChange) -> None:
        self.heard.append(change)

    async def refresh(self) -> None:
        self.heard.append("refresh")

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        if self.refusal is not None:
            raise self.refusal
        self.heard.append(event)
        return await super().deliver(event, keeps_answer=keeps_answer)

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        return LEVELS if request.function == "f" else []


@pytest.fixture
def plane() -> SayingControl:
    return SayingControl()


@pytest.fixture
def handler() -> SayingGateway:
    return SayingGateway()


@pytest.fixture(params=["http", "memory"])
async def control(request: pytest.FixtureRequest, tmp_path: Path, plane: SayingControl) -> AsyncIterator[Control]:
    if request.param == "memory":
        yield MemoryControl(plane)
        return
    async with over_http(tmp_path, ControlDoor, ControlClient, plane) as (client, _):
        yield client


@pytest.fixture(params=["http", "memory"])
async def gateway(request: pytest.FixtureRequest, tmp_path: Path, handler: SayingGateway) -> AsyncIterator[Gateway]:
    if request.param == "memory":
        yield MemoryGateway(handler)
        return
    async with over_http(tmp_path, GatewayDoor, GatewayClient, handler) as (client, _):
        yield client


async def test_a_gateway_learns_what_control_has(control: Control) -> None:
    assert await control.snapshot() == SNAPSHOT
    assert await control.derive_signing_key(REQUEST) == KEY
    stranger = SigningKeyRequest(access_key_id="s", session_token="t", date="20260101", region="r", service="lambda")
    assert await control.derive_signing_key(stranger) is None
    assert ((await control.count_events()).depth, (await control.count_logs()).groups) == (0, 0)
    assert (await control.report_disk()).place == "nowhere"


async def test_an_event_arrives_whole_on_its_way_to_control(control: Control, plane: SayingControl) -> None:
    assert await control.accept_event(EVENT)
    assert plane.events == [EVENT]
    other = Invocation(request_id=b"2", arn=b"gone", trace=b"t", payload=b"{}")
    assert not await control.accept_event(other)


@pytest.mark.parametrize("refusal", [QueueFullError("9 events wait"), EventNotKeptError("no space")], ids=str)
async def test_an_event_that_is_not_kept_says_why(
    control: Control, plane: SayingControl, refusal: EventNotKeptError
) -> None:
    plane.refusal = refusal
    with pytest.raises(type(refusal), match=str(refusal)) as refused:
        await control.accept_event(EVENT)
    assert type(refused.value) is type(refusal)


async def test_a_session_that_has_ended_is_told_from_one_that_never_was(control: Control, plane: SayingControl) -> None:
    plane.refusal = SessionEndedError("over")
    with pytest.raises(SessionEndedError):
        await control.derive_signing_key(REQUEST)
    plane.refusal = RuntimeError("a mistake of ours")
    with pytest.raises(LinkRefusedError):
        await control.derive_signing_key(REQUEST)


async def test_a_gateway_hears_of_changes(gateway: Gateway, handler: SayingGateway) -> None:
    await gateway.apply(CHANGE)
    await gateway.refresh()
    assert handler.heard == [CHANGE, "refresh"]
    request = ProvisionedRequest(account="0", region="r", function="f")
    assert await gateway.provisioned_levels(request) == LEVELS


async def test_a_delivery_brings_the_payload_back_to_whom_it_matters(gateway: Gateway, handler: SayingGateway) -> None:
    assert (await gateway.deliver(EVENT, keeps_answer=True)).payload == b"{}"
    assert (await gateway.deliver(EVENT, keeps_answer=False)).payload == b""
    assert handler.heard == [EVENT, EVENT]


async def test_a_delivery_that_is_refused_is_told_from_one_whose_end_nobody_knows(
    gateway: Gateway, handler: SayingGateway
) -> None:
    for refusal in (DeliveryRefusedError("throttled"), DisconnectedError("the worker was lost")):
        handler.refusal = refusal
        with pytest.raises(type(refusal)):
            await gateway.deliver(EVENT, keeps_answer=False)
    handler.refusal = RuntimeError("a mistake of ours")
    with pytest.raises(LinkRefusedError):
        await gateway.deliver(EVENT, keeps_answer=False)


async def test_a_peer_that_is_not_there_is_told_from_one_that_refuses(tmp_path: Path) -> None:
    cut = MemoryGateway(QuietGateway())
    cut.cut()
    for gateway in (cut, GatewayClient(Endpoint(address=str(tmp_path / "nobody")))):
        with pytest.raises(ConnectionFailedError):
            await gateway.refresh()
