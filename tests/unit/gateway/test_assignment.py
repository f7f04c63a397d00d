"""Assignment and admission: whatever the interleaving, nothing is served twice, lost, or over the limit."""

import asyncio
from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingle.environments import Event, State, VersionKey, advance
from ingle.gateway.fleet.admission import Admission
from ingle.gateway.fleet.assignment import Environment, Pool
from ingle.links.gateway_worker import Endpoint, WorkerClient
from ingle.protocol import AwsError

KEY = VersionKey(account="000000000000", region="us-east-1", function="f", version="$LATEST", revision="r")

WORKER = WorkerClient(Endpoint(address="/nowhere"))
FUNCTION = ("0", "r", "f")


def environment(number: int) -> Environment:
    return Environment(str(number), KEY, WORKER, State.IDLE)


def test_the_environment_used_last_serves_next() -> None:
    pool = Pool()
    one, two = environment(1), environment(2)
    pool.offer(one, 10)
    pool.offer(two, 20)
    assert pool.take_nowait() is two
    assert pool.take_nowait() is one
    assert pool.take_nowait() is None


def test_idle_environments_expire_by_the_time_since_they_served() -> None:
    pool = Pool()
    old, young = environment(1), environment(2)
    pool.offer(old, 10)
    pool.offer(young, 20)
    assert pool.take_out(lambda one: one.idle_since_ns < 15) == [old]
    assert pool.take_nowait() is young


async def test_who_has_waited_longest_is_served_first_and_who_gave_up_never() -> None:
    pool, loop = Pool(), asyncio.get_running_loop()
    waiting = [loop.create_future() for _ in range(3)]
    pool.waiting.extend(waiting)
    waiting[0].cancel()
    assert pool.needs_start()
    pool.offer(environment(1), 0)
    assert waiting[1].done()
    pool.refuse(ValueError("no worker"))
    assert isinstance(waiting[2].exception(), ValueError)
    assert not pool.needs_start()


class Arrival:
    """An invocation: admitted, then waiting or served."""

    def __init__(self, waiting: "asyncio.Future[Environment] | None", served_by: Environment | None) -> None:
        self.waiting = waiting
        self.served_by = served_by


class Gateway(RuleBasedStateMachine):
    """Arrivals, starts, failures, ends, crashes, lost workers and clients that go away, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.pool = Pool()
        self.admission = Admission(limit=4)
        self.seconds = 0.0
        self.arrivals: deque[Arrival] = deque()
        self.number = 0
        self.now = 0

    def teardown(self) -> None:
        self.loop.close()

    def serving(self) -> list[Arrival]:
        for one in self.arrivals:
            if one.waiting is not None and one.waiting.done() and not one.waiting.cancelled():
                one.served_by = one.waiting.result()
                one.waiting = None
        return [one for one in self.arrivals if one.served_by is not None]

    @rule()
    def arrive(self) -> None:
        try:
            self.seconds += 1.0
            self.admission.admit(FUNCTION, "1", self.seconds)
        except AwsError:
            assert len(self.arrivals) == 4
            return
        taken = self.pool.take_nowait()
        waiting = None
        if taken is None:
            waiting = self.loop.create_future()
            self.pool.waiting.append(waiting)
            if self.pool.needs_start():
                self.pool.starting += 1
        self.arrivals.append(Arrival(waiting, taken))

    @precondition(lambda self: self.pool.starting)
    @rule()
    def start_finishes(self) -> None:
        self.pool.starting -= 1
        self.number += 1
        self.pool.offer(environment(self.number), self.now)

    @precondition(lambda self: self.pool.starting)
    @rule()
    def start_fails(self) -> None:
        self.pool.starting -= 1
        self.pool.refuse(ValueError("no room"))
        for one in list(self.arrivals):
            waiting = one.waiting
            if waiting is not None and waiting.done() and not waiting.cancelled() and waiting.exception() is not None:
                self.arrivals.remove(one)
                self.admission.release(FUNCTION, "1")

    @rule()
    def provisioned_one_comes(self) -> None:
        self.number += 1
        made = environment(self.number)
        made.is_provisioned = True
        self.pool.provisioned.add(made)
        self.pool.offer(made, self.now)

    @rule(count=st.integers(0, 2))
    def provisioned_ones_are_let_go(self, count: int) -> None:
        for one in self.pool.release(list(self.pool.provisioned), count):
            assert one.state is State.IDLE

    @rule()
    def worker_is_lost(self) -> None:
        for one in self.serving():
            assert one.served_by is not None
            one.served_by.state = advance(one.served_by.state, Event.WORKER_LOST)
            self.pool.remove(one.served_by)
            self.arrivals.remove(one)
            self.admission.release(FUNCTION, "1")
        for idle in (*self.pool.idle, *self.pool.ready):
            self.pool.remove(idle)

    @precondition(lambda self: self.serving())
    @rule(data=st.data(), crashes=st.booleans())
    def invocation_ends(self, data: st.DataObject, crashes: bool) -> None:
        one = data.draw(st.sampled_from(self.serving()))
        served_by = one.served_by
        assert served_by is not None
        assert served_by.state is State.BUSY
        self.now += 1
        if crashes:
            served_by.state = advance(served_by.state, Event.EXITED)
            self.pool.remove(served_by)
        else:
            served_by.state = advance(served_by.state, Event.INVOKE_FINISHED)
            self.pool.offer(served_by, self.now)
        self.arrivals.remove(one)
        self.admission.release(FUNCTION, "1")

    @precondition(lambda self: any(one.waiting for one in self.arrivals))
    @rule(data=st.data())
    def client_goes_away(self, data: st.DataObject) -> None:
        self.serving()
        waiting = [one for one in self.arrivals if one.waiting is not None]
        if not waiting:
            return
        one = data.draw(st.sampled_from(waiting))
        assert one.waiting is not None
        one.waiting.cancel()
        self.arrivals.remove(one)
        self.admission.release(FUNCTION, "1")

    @rule(age=st.integers(0, 3))
    def idle_ones_expire(self, age: int) -> None:
        self.pool.take_out(lambda one: one.idle_since_ns < self.now - age)

    @invariant()
    def nothing_is_served_twice_leaked_or_over_the_limit(self) -> None:
        serving = [one.served_by for one in self.serving()]
        assert len(set(map(id, serving))) == len(serving)
        assert not {id(one) for one in serving} & {id(one) for one in (*self.pool.idle, *self.pool.ready)}
        assert self.admission.in_flight == len(self.arrivals) <= 4
        assert all(one.state is State.IDLE for one in (*self.pool.idle, *self.pool.ready))
        assert all(not one.is_provisioned for one in self.pool.idle)
        assert {one for one in (*self.pool.ready, *self.pool.busy) if one.is_provisioned} == self.pool.provisioned

    @invariant()
    def the_pool_knows_who_is_busy(self) -> None:
        assert self.pool.busy == {one.served_by for one in self.serving()}

    @invariant()
    def nobody_waits_while_an_environment_is_idle_or_without_one_under_way(self) -> None:
        self.serving()
        waiting = sum(one.waiting is not None for one in self.arrivals)
        if waiting:
            assert not self.pool.idle and not self.pool.ready
            assert self.pool.starting or self.serving() or waiting <= self.pool.starting


TestGateway = Gateway.TestCase
TestGateway.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
