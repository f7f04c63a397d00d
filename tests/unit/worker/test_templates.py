"""Which templates a worker is told to hold, what is made ahead of invocations, and what a copy that can't begin means."""

import asyncio
import gc
import weakref
from functools import partial

import msgspec
import pytest
from assignments import KEY, sample_assignment
from quiet_worker import QuietWorker

from ingle.environments import State
from ingle.gateway.fleet.templates import Templates, wanted_templates
from ingle.links.gateway_worker import MemoryWorker
from ingle.routing import FunctionRoute, VersionRoute
from ingle.worker.environment.beginnings import RestoreFailedError, check_restored
from ingle.worker.host.ahead import Ahead
from ingle.worker.journal.platform_events import TIMEOUT, failed

A, B = (
    FunctionRoute(
        account="1", region="r", name=name,
        versions={"1": VersionRoute(version="1", revision="x", state="Active", runtime="p", has_template=True),
                  "2": VersionRoute(version="2", revision="y", state="Active", runtime="p")},
    )
    for name in "ab"
)  # fmt: skip


@pytest.fixture
async def told() -> tuple[Templates, "asyncio.Queue[str]"]:
    """Templates, and what their worker hears."""
    handler = QuietWorker()
    worker = MemoryWorker(handler)
    return Templates(lambda: worker), handler.heard


async def test_a_worker_hears_once_of_what_is_wanted_and_of_what_is_not_any_more(
    told: tuple[Templates, "asyncio.Queue[str]"],
) -> None:
    templates, heard = told
    templates.want(wanted_templates([A]))
    assert await heard.get() == "want a:1"
    templates.want(wanted_templates([A, B]))
    assert await heard.get() == "want b:1"
    templates.want(wanted_templates([B]))
    assert await heard.get() == "forget a:1"
    templates.forget()
    templates.want(wanted_templates([B]))
    assert await heard.get() == "want b:1"
    assert heard.empty()


def test_a_hook_that_fails_or_takes_too_long_is_the_functions_doing_a_copy_that_dies_is_not() -> None:
    version = sample_assignment(is_snap_start=True)
    for outcome, code in ((TIMEOUT, "SnapStartTimeoutException"), (failed("Runtime.Unknown"), "SnapStartException")):
        with pytest.raises(RestoreFailedError) as refused:
            check_restored(version, outcome)
        assert refused.value.code == code
    check_restored(version, failed("Runtime.ExitError"))
    check_restored(sample_assignment(), TIMEOUT)


class Made:
    """An environment as far as it matters here."""

    def __init__(self) -> None:
        self.state = State.IDLE

    def retire(self) -> None:
        self.state = State.STOPPING


async def make(made: Made, takes_s: float = 0.0) -> Made:
    await asyncio.sleep(takes_s)
    return made


async def test_one_is_made_ahead_and_taken_once_if_it_can_still_serve() -> None:
    ahead: Ahead[Made] = Ahead()
    assert await ahead.take(KEY) is None
    for can_serve in (True, False):
        made = Made()
        made.state = State.IDLE if can_serve else State.GONE
        ahead.make(KEY, partial(make, made, 0.01))
        assert await ahead.take(KEY) is (made if can_serve else None)  # as soon as it is ready
        ahead.drop(lambda _: True)
        assert await ahead.take(KEY) is None


async def test_as_many_are_made_ahead_as_were_wanted_lately() -> None:
    ahead: Ahead[Made] = Ahead(half_life_s=600)
    made: list[Made] = []

    async def work() -> Made:
        made.append(Made())
        return made[-1]

    for count in (1, 2, 3, 4, 5, 6, 7, 8, 8, 8):
        ahead.make(KEY, work)
        await asyncio.sleep(0)
        assert len(made) == count
    assert await ahead.take(KEY) is made[0]


async def test_all_but_one_go_when_no_more_are_wanted() -> None:
    ahead: Ahead[Made] = Ahead(half_life_s=0.05)
    made: list[Made] = []

    async def work() -> Made:
        made.append(Made())
        return made[-1]

    for _ in range(8):
        ahead.make(KEY, work)
    await asyncio.sleep(0)
    assert len(made) > 1
    until = asyncio.get_running_loop().time() + 20
    while sum(one.state is State.IDLE for one in made) > 1 and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.2)
    assert [one.state for one in made].count(State.IDLE) == 1


async def test_who_gives_up_waiting_for_one_leaves_nothing_behind() -> None:
    ahead: Ahead[Made] = Ahead()
    made, ready = Made(), asyncio.Event()

    async def work() -> Made:
        await ready.wait()
        return made

    ahead.make(KEY, work)
    waiting = asyncio.create_task(ahead.take(KEY))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait((waiting,))
    ready.set()
    until = asyncio.get_running_loop().time() + 5
    while made.state is not State.STOPPING and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.001)
    assert made.state is State.STOPPING


@pytest.mark.parametrize(("kept_s", "takes_s"), [(600.0, 0.0), (600.0, 0.01), (0.01, 0.0)])
async def test_what_nobody_wants_is_ended_be_it_ready_on_its_way_or_old(kept_s: float, takes_s: float) -> None:
    ahead: Ahead[Made] = Ahead(kept_s)
    made, until = Made(), asyncio.get_running_loop().time() + 5
    ahead.make(KEY, partial(make, made, takes_s))
    await asyncio.sleep(0)
    if kept_s > 1:
        ahead.drop(lambda key: key == KEY)
    while made.state is not State.STOPPING and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(0.001)
    assert made.state is State.STOPPING
    assert await ahead.take(KEY) is None


async def test_what_was_taken_is_forgotten_and_callers_who_name_many_tenants_have_few_kept() -> None:
    ahead: Ahead[Made] = Ahead(most=2)
    ahead.make(KEY, partial(make, Made()))
    await asyncio.sleep(0.01)
    taken = await ahead.take(KEY)
    assert taken is not None
    known = weakref.ref(taken)
    del taken
    gc.collect()
    assert known() is None
    made = [Made() for _ in range(4)]
    for number, one in enumerate(made):
        ahead.make(msgspec.structs.replace(KEY, tenant=str(number)), partial(make, one))
    await asyncio.sleep(0.01)
    assert [one.state is State.STOPPING for one in made] == [True, True, False, False]
