"""The gateway's environments against a worker that says what the test wants."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from quiet_worker import QuietWorker

from ingle.environments import State, VersionKey
from ingle.gateway.fleet.fleet import Ages, Fleet, NotStartedError
from ingle.gateway.fleet.scaling import BURST, Scaling
from ingle.gateway.metrics import Metrics
from ingle.links.gateway_worker import EnvironmentStarted, MemoryWorker, StartEnvironment, StartRefusedError
from ingle.protocol import AwsError

KEY = VersionKey(account="000000000000", region="us-east-1", function="f", version="$LATEST", revision="r")


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1.0

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic_ns(self) -> int:
        return int(self.seconds * 1e9)


class Worker(QuietWorker):
    """Answers starts and deletions, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.deleted: list[str] = []
        self.refuses = self.fails = False
        self.code = ""
        self.serves_once = False
        self.changed = asyncio.Event()

    async def end(self, identifier: bytes) -> None:
        self.deleted.append(identifier.decode())
        self.changed.set()

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        self.changed.set()
        if self.fails:
            raise RuntimeError("a mistake of ours")
        if self.refuses:
            raise StartRefusedError("no room", self.code)
        self.started += 1
        return EnvironmentStarted(environment_id=str(self.started), init_failed=False, serves_once=self.serves_once)


class World:
    """A fleet, its worker, its clock."""

    def __init__(self) -> None:
        self.clock, self.worker = Clock(), Worker()
        self.scaling = Scaling()
        self.fleet = Fleet(
            MemoryWorker(self.worker), self.clock, Ages(idle_s=60, most_s=600), Metrics(), self.scaling, tenant_limit=2
        )

    async def until_deleted(self, count: int) -> None:
        while len(self.worker.deleted) < count:
            self.worker.changed.clear()
            await self.worker.changed.wait()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    sweeping = asyncio.create_task(made.fleet.sweep())
    yield made
    sweeping.cancel()


async def test_an_environment_that_is_busy_while_the_sweep_comes_by_is_kept(world: World) -> None:
    environment = await world.fleet.wait(KEY)
    world.fleet.sweep_now()
    world.fleet.give_back(environment)
    assert world.fleet.take_nowait(KEY) is environment
    assert world.worker.deleted == []


async def test_what_was_idle_too_long_is_deleted(world: World) -> None:
    environment = await world.fleet.wait(KEY)
    world.fleet.give_back(environment)
    world.clock.seconds += 61
    world.fleet.sweep_now()
    await world.until_deleted(1)
    assert world.fleet.take_nowait(KEY) is None


async def test_environments_of_a_replaced_revision_end_when_they_have_served(world: World) -> None:
    idle, busy = await asyncio.gather(world.fleet.wait(KEY), world.fleet.wait(KEY))
    world.fleet.give_back(idle)
    world.fleet.retire(lambda key: key.revision == "newer")
    await world.until_deleted(1)
    assert world.worker.deleted == [idle.identifier]
    world.fleet.give_back(busy)
    await world.until_deleted(2)
    assert world.fleet.take_nowait(KEY) is None


async def test_who_waits_hears_why_nothing_could_be_started(world: World) -> None:
    world.worker.refuses = True
    with pytest.raises(NotStartedError, match="no room"):
        await world.fleet.wait(KEY)
    world.worker.refuses = False
    assert (await world.fleet.wait(KEY)).state is State.BUSY


async def test_a_worker_that_fails_holds_nobody_up(world: World) -> None:
    world.worker.fails = True
    async with asyncio.timeout(10):
        with pytest.raises(NotStartedError, match="has failed"):
            await world.fleet.wait(KEY)
    function = (KEY.account, KEY.region, KEY.function)
    world.worker.changed.clear()
    world.fleet.provision(function, {KEY: 1})
    async with asyncio.timeout(10):
        await world.worker.changed.wait()
        world.worker.fails = False
        while not world.fleet.provisioned_levels(function)[0].ready:
            world.clock.seconds += 1
            world.fleet.restock()
            await asyncio.sleep(0.001)


async def test_a_revision_that_is_served_again_keeps_its_environments(world: World) -> None:
    environment = await world.fleet.wait(KEY)
    world.fleet.retire(lambda _: False)
    world.fleet.retire(lambda _: True)
    world.fleet.give_back(environment)
    assert world.fleet.take_nowait(KEY) is environment


async def test_a_restore_that_fails_is_told_as_lambda_tells_it(world: World) -> None:
    world.worker.refuses, world.worker.code = True, "SnapStartTimeoutException"
    with pytest.raises(AwsError) as refused:
        await world.fleet.wait(KEY)
    assert (refused.value.code, refused.value.status) == ("SnapStartTimeoutException", 408)


async def test_environments_that_serve_once_are_no_growth(world: World) -> None:
    world.worker.serves_once = True
    for _ in range(1100):
        world.fleet.drop(await world.fleet.wait(KEY))


async def test_a_caller_that_gives_up_leaves_its_environment_to_the_next(world: World) -> None:
    waiting = asyncio.create_task(world.fleet.wait(KEY))
    await world.worker.changed.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    environment = world.fleet.take_nowait(KEY) or await world.fleet.wait(KEY)
    assert environment.identifier == "1"


async def test_what_was_started_for_a_caller_that_gave_up_ends_where_its_revision_is_replaced(world: World) -> None:
    waiting = asyncio.create_task(world.fleet.wait(KEY))
    await world.worker.changed.wait()
    world.fleet.retire(lambda _: False)
    waiting.cancel()
    async with asyncio.timeout(10):
        await world.until_deleted(1)


async def test_a_lost_worker_takes_every_environment_along(world: World) -> None:
    environment = await world.fleet.wait(KEY)
    world.fleet.lose_worker(world.fleet.worker)
    world.fleet.give_back(environment)
    assert world.fleet.take_nowait(KEY) is None
    assert (await world.fleet.wait(KEY)).identifier == "2"


async def test_a_function_that_grows_too_fast_is_throttled_until_its_allowance_is_back(world: World) -> None:
    for _ in range(BURST):
        assert world.scaling.take((KEY.account, KEY.region, KEY.function), world.clock.seconds)
    with pytest.raises(AwsError) as refused:
        await world.fleet.wait(KEY)
    assert refused.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert world.worker.started == 0
    world.clock.seconds += 0.02
    assert (await world.fleet.wait(KEY)).state is State.BUSY


async def test_tenants_have_so_many_environments_together_and_everybody_else_as_many_as_before(world: World) -> None:
    keys = [msgspec.structs.replace(KEY, tenant=tenant) for tenant in ("a", "b", "c")]
    first, _ = await world.fleet.wait(keys[0]), await world.fleet.wait(keys[1])
    with pytest.raises(AwsError, match="Rate Exceeded"):
        await world.fleet.wait(keys[2])
    assert (await world.fleet.wait(KEY)).state is State.BUSY
    world.fleet.drop(first)
    assert (await world.fleet.wait(keys[2])).state is State.BUSY


async def test_provisioned_environments_are_made_anew_when_they_or_their_worker_are_lost(world: World) -> None:
    function = (KEY.account, KEY.region, KEY.function)

    async def until_ready(count: int, started: int) -> None:
        async with asyncio.timeout(10):
            while (world.fleet.provisioned_levels(function)[0].ready, world.worker.started) != (count, started):
                await asyncio.sleep(0)

    world.fleet.provision(function, {KEY: 3})
    await until_ready(3, 3)
    taken = world.fleet.take_nowait(KEY)
    assert taken is not None
    world.fleet.drop(taken)
    await until_ready(3, 4)
    world.fleet.lose_worker(world.fleet.worker)
    world.fleet.restock()
    await until_ready(3, 7)
    world.clock.seconds += 120  # longer than any other may be idle
    world.fleet.sweep_now()
    assert world.worker.deleted == []
    world.fleet.provision(function, {KEY: 1})
    await world.until_deleted(2)
    assert world.fleet.provisioned_levels(function)[0].ready == 1


async def test_what_is_too_old_ends_once_it_has_served(world: World) -> None:
    idle, busy = await asyncio.gather(world.fleet.wait(KEY), world.fleet.wait(KEY))
    world.clock.seconds += 601
    world.fleet.give_back(idle)
    await world.until_deleted(1)
    world.fleet.sweep_now()
    assert world.worker.deleted == [idle.identifier]
    world.fleet.give_back(busy)
    await world.until_deleted(2)
    assert (await world.fleet.wait(KEY)).identifier == "3"


async def test_provisioned_environments_are_replaced_before_they_end(world: World) -> None:
    function = (KEY.account, KEY.region, KEY.function)
    world.fleet.provision(function, {KEY: 2})
    async with asyncio.timeout(10):
        while world.fleet.provisioned_levels(function)[0].ready < 2:
            await asyncio.sleep(0)
        world.clock.seconds += 601
        world.fleet.sweep_now()
        while len(world.worker.deleted) < 2:
            assert world.fleet.provisioned_levels(function)[0].ready >= 2
            await asyncio.sleep(0)
    assert sorted(world.worker.deleted) == ["1", "2"]
    assert world.worker.started == 4


async def test_when_another_worker_leads_what_serves_goes_on_and_the_rest_is_made_anew(
    world: World,
) -> None:
    successor = Worker()
    idle, busy = await asyncio.gather(world.fleet.wait(KEY), world.fleet.wait(KEY))
    world.fleet.give_back(idle)
    world.fleet.lead(MemoryWorker(successor))
    await world.until_deleted(1)
    assert busy.state is State.BUSY
    assert world.fleet.take_nowait(KEY) is None
    await world.fleet.wait(KEY)
    assert successor.started == 1
    world.fleet.give_back(busy)
    await world.until_deleted(2)
    assert (world.worker.started, successor.deleted) == (2, [])
