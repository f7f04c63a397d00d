"""The environments of all versions: started, handed out, taken back, retired."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ingle.environments import (
    ON_DEMAND,
    PROVISIONED,
    Event,
    State,
    VersionKey,
    advance,
)
from ingle.gateway.fleet.admission import FunctionKey, throttled
from ingle.gateway.fleet.assignment import Environment, Pool
from ingle.gateway.fleet.provisioning import Stock, plan
from ingle.gateway.fleet.scaling import Scaling
from ingle.gateway.metrics import Metrics
from ingle.links.gateway_control import ProvisionedLevel
from ingle.links.gateway_worker import LinkRefusedError, StartEnvironment, StartRefusedError, Worker
from ingle.protocol import AwsError
from ingle.values import Clock, IngleError

_log = structlog.get_logger("ingle.gateway")
_SWEEP_S = 1.0
_SHORT_PAUSE_NS, _LONG_PAUSE_NS = 500_000_000, 30_000_000_000
"""Before a provisioned environment is tried anew: when the worker has none to give, and when its init has failed."""


class NotStartedError(AwsError):
    """The worker could not start an environment, for the reason that the message gives."""

    def __init__(self, message: str) -> None:
        super().__init__("ServiceException", message)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long an environment may be idle, and how old it may become."""

    idle_s: float
    most_s: float

    @property
    def idle_ns(self) -> int:
        return int(self.idle_s * 1e9)

    @property
    def most_ns(self) -> int:
        return int(self.most_s * 1e9)


class Fleet:
    """Assignment over the worker that is there now, and over one before it that still serves.

    An environment is over when nobody has needed it for long, when it is too old, when its worker is on its way out or
    when its version is not served any more; one that serves ends when it has served.
    """

    def __init__(
        self,
        worker: Worker,
        clock: Clock,
        ages: Ages,
        metrics: Metrics,
        scaling: Scaling,
        tenant_limit: int,
    ) -> None:
        self.worker = worker
        self._clock = clock
        self._metrics = metrics
        self._ages = ages
        self._pools: dict[VersionKey, Pool] = {}
        self._known: dict[str, Environment] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._prepared: set[str] = set()
        self._scaling = scaling
        self._tenant_limit = tenant_limit
        """How many environments all tenants together may have."""
        self._wishes: dict[FunctionKey, dict[VersionKey, int]] = {}
        """How many provisioned environments each version of a function shall have."""

    def prepare(self, runtimes: set[str]) -> None:
        """Have the worker warm up runtimes that functions need, so that no first invocation waits for that."""
        for runtime in runtimes - self._prepared:
            self._spawn(self._prepare(runtime))
        self._prepared |= runtimes

    async def _prepare(self, runtime: str) -> None:
        try:
            await self.worker.prepare(runtime)
        except IngleError:
            self._prepared.discard(runtime)

    def take_nowait(self, key: VersionKey) -> Environment | None:
        pool = self._pools.get(key)
        return pool.take_nowait() if pool is not None else None

    async def wait(self, key: VersionKey) -> Environment:
        """Return an environment, now busy, as soon as one is to be had.

        Raises AwsError where it can't be started, or not now because the function has grown too fast.
        """
        pool = self._pools.setdefault(key, Pool())
        waiting: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        pool.waiting.append(waiting)
        if pool.needs_start():
            if not self._may_start(key):
                pool.waiting.remove(waiting)
                raise throttled("ConcurrentInvocationLimitExceeded")
            pool.starting += 1
            self._spawn(self._start(key, pool))
        try:
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and waiting.exception() is None:
                self.give_back(waiting.result())
            raise
        finally:
            del waiting  # an error in it names the frames that it went through: they must not name it, or payloads stay

    def _may_start(self, key: VersionKey) -> bool:
        if key.tenant:
            kept = sum(pool.size for one, pool in self._pools.items() if one.tenant)
            if kept >= self._tenant_limit:
                return False
        return self._scaling.take(_function(key), self._clock.monotonic_ns() / 1e9)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, key: VersionKey, pool: Pool) -> State | None:
        """Have an environment made and offered; return how init has left it, None where there is none."""
        try:
            environment = await self._make(key, ON_DEMAND)
        except IngleError as error:
            pool.starting -= 1
            self._scaling.give_back(_function(key))
            is_told = isinstance(error, AwsError)
            pool.refuse(error if is_told else NotStartedError("The worker can't be reached; try again."))
            return None
        pool.starting -= 1
        state = environment.state
        if self._is_over(environment, pool) and not pool.is_awaited:
            self._spawn(self._delete(environment))
        else:
            pool.offer(environment, self._clock.monotonic_ns())
        return state

    def _is_over(self, environment: Environment, pool: Pool) -> bool:
        return pool.is_retired or self._is_due(environment)

    def _is_due(self, environment: Environment) -> bool:
        """Say whether an environment is to be replaced."""
        age_ns = self._clock.monotonic_ns() - environment.born_ns
        return environment.worker is not self.worker or age_ns > self._ages.most_ns

    async def _make(self, key: VersionKey, initialization_type: str) -> Environment:
        """Have the worker make and initialise an environment. Raises IngleError."""
        wanted = StartEnvironment(version=key, initialization_type=initialization_type)
        worker, born_ns = self.worker, self._clock.monotonic_ns()
        try:
            started = await worker.start(wanted)
        except StartRefusedError as refusal:
            raise _not_started(refusal) from None
        except LinkRefusedError:
            raise NotStartedError("The environment could not be started: the worker has failed.") from None
        self._metrics.environment_started(key, started)
        if started.serves_once and initialization_type == ON_DEMAND:  # soon it is gone again: that isn't growth
            self._scaling.give_back(_function(key))
        state = State.FAILED if started.init_failed else State.IDLE
        environment = Environment(started.environment_id, key, worker, state, born_ns)
        self._known[environment.identifier] = environment
        return environment

    async def rehearse(self, key: VersionKey) -> bool:
        """Say whether init succeeds, by an environment that is there or one more, which waits for an invocation.

        Raises AwsError where none can be started, or not now because the function has grown too fast.
        """
        pool = self._pools.setdefault(key, Pool())
        if any(one.state is State.IDLE for one in (*pool.idle, *pool.ready)):
            return True
        if not self._may_start(key):
            raise throttled("ConcurrentInvocationLimitExceeded")
        pool.starting += 1
        state = await self._start(key, pool)
        if state is None:
            raise NotStartedError("The environment could not be started.")
        return state is not State.FAILED

    # provisioned concurrency

    def provision(self, function: FunctionKey, wishes: dict[VersionKey, int]) -> None:
        """Keep so many environments of a function's versions initialised from now on."""
        before = self._wishes.pop(function, {})
        if wishes:
            self._wishes[function] = wishes
        for key in {*before, *wishes}:
            pool = self._pools.setdefault(key, Pool())
            wanted = wishes.get(key, 0)
            if wanted != pool.wanted:
                pool.wanted, pool.failure, pool.paused_until_ns = wanted, "", 0
            self._restock(key, pool)

    @property
    def provisioned_functions(self) -> set[FunctionKey]:
        return set(self._wishes)

    def provisioned_levels(self, function: FunctionKey) -> list[ProvisionedLevel]:
        """Return what there is of a function's provisioned environments."""
        pools = {key: self._pools[key] for key in self._wishes.get(function, {})}
        return [
            ProvisionedLevel(version=key.version, ready=len(pool.provisioned), failure=pool.failure)
            for key, pool in pools.items()
        ]

    def restock(self) -> None:
        """Have made what is missing of the provisioned environments."""
        for wishes in self._wishes.values():
            for key in wishes:
                self._restock(key, self._pools[key])

    def _restock(self, key: VersionKey, pool: Pool) -> None:
        due = [one for one in pool.provisioned if self._is_due(one)]
        ready = [one for one in pool.provisioned if one not in due]
        stock = Stock(wanted=pool.wanted, ready=len(ready), due=len(due), starting=pool.provisioning)
        made = plan(stock)
        if self._clock.monotonic_ns() >= pool.paused_until_ns:
            for _ in range(made.start):
                pool.provisioning += 1
                self._spawn(self._provision(key, pool))
        for environment in (*pool.release(ready, made.release_ready), *pool.release(due, made.release_due)):
            self._spawn(self._delete(environment))

    async def _provision(self, key: VersionKey, pool: Pool) -> None:
        try:
            environment = await self._make(key, PROVISIONED)
        except IngleError as error:
            _log.warning("environment.not_provisioned", function=key.function, reason=str(error))
            pool.provisioning -= 1
            pool.paused_until_ns = self._clock.monotonic_ns() + _SHORT_PAUSE_NS
            return
        pool.provisioning -= 1
        now_ns = self._clock.monotonic_ns()
        if environment.state is State.FAILED:
            pool.failure, pool.paused_until_ns = "FUNCTION_ERROR_INIT_FAILURE", now_ns + _LONG_PAUSE_NS
            await self._delete(environment)
        else:
            pool.failure = ""
            environment.is_provisioned = True
            pool.provisioned.add(environment)
            pool.offer(environment, now_ns)
        self._restock(key, pool)

    # ends

    def give_back(self, environment: Environment) -> None:
        """An environment has served and can serve again."""
        if environment.state is not State.BUSY:
            return  # its worker was lost meanwhile
        environment.state = advance(environment.state, Event.INVOKE_FINISHED)
        pool = self._pools[environment.key]  # it stays while one of its environments is busy
        is_over = pool.is_retired or (not environment.is_provisioned and self._is_due(environment))
        if is_over and not pool.is_awaited:
            pool.remove(environment)
            self._spawn(self._delete(environment))
        else:
            pool.offer(environment, self._clock.monotonic_ns())

    def drop(self, environment: Environment) -> None:
        """An environment is gone."""
        self._known.pop(environment.identifier, None)
        if environment.state is not State.GONE:
            environment.state = advance(environment.state, Event.EXITED)
        pool = self._pools.get(environment.key)
        if pool is not None:
            pool.remove(environment)
            if environment.is_provisioned:
                self._restock(environment.key, pool)

    def discard(self, environment: Environment) -> None:
        """Nobody knows what an environment is doing: have the worker end it."""
        self.drop(environment)
        self._spawn(self._delete(environment))

    def drop_by_id(self, identifier: str) -> None:
        environment = self._known.get(identifier)
        if environment is not None and environment.state is not State.BUSY:
            self.drop(environment)

    def retire(self, is_served: Callable[[VersionKey], bool]) -> None:
        """Retire environments of versions or revisions that are not served any more; busy ones after they have served."""
        for key, pool in self._pools.items():
            if is_served(key):
                pool.is_retired = False  # an update that was announced and then not kept
            elif not pool.is_retired:
                pool.is_retired = True
                for environment in (*pool.idle, *pool.ready):
                    self._spawn(self._delete(environment))
                pool.idle, pool.ready = [], []
                pool.provisioned.clear()

    def lead(self, worker: Worker) -> None:
        """Have environments made by a worker from now on; what another one has made is to be replaced."""
        self.worker = worker
        self._prepared.clear()
        self._retire_idle()

    def lose_worker(self, worker: Worker) -> None:
        """Every environment of a worker is gone; those that wait get new ones."""
        lost = [one for one in self._known.values() if one.worker is worker]
        for environment in lost:
            del self._known[environment.identifier]
            environment.state = advance(environment.state, Event.WORKER_LOST)
            pool = self._pools.get(environment.key)
            if pool is not None:
                pool.remove(environment)

    async def _delete(self, environment: Environment) -> None:
        self._known.pop(environment.identifier, None)
        try:
            await environment.worker.end(environment.name)
        except IngleError:
            _log.warning("environment.not_deleted", environment=environment.identifier)

    async def sweep(self) -> None:
        """Do `sweep_now` again and again, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep_now()

    def sweep_now(self) -> None:
        """Retire what is over by now, and see that what is provisioned is there."""
        self._scaling.forget_rested(self._clock.monotonic_ns() / 1e9)
        self._retire_idle()
        for key, pool in list(self._pools.items()):
            if pool.is_empty:
                del self._pools[key]
        self.restock()

    def _retire_idle(self) -> None:
        """Retire what is idle and over."""
        before_ns = self._clock.monotonic_ns() - self._ages.idle_ns
        for pool in self._pools.values():
            for environment in pool.take_out(lambda one: one.idle_since_ns < before_ns or self._is_due(one)):
                self._spawn(self._delete(environment))


def _function(key: VersionKey) -> FunctionKey:
    return key.account, key.region, key.function


def _not_started(refusal: StartRefusedError) -> AwsError:
    if refusal.code:
        return AwsError(refusal.code, str(refusal))
    return NotStartedError(f"The environment could not be started: {str(refusal)[:200]}")
