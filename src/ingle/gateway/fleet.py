"""The environments of all versions: started, handed out, taken back, retired."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog

from ingle.environments import EnvironmentStarted, Event, StartEnvironment, State, VersionKey, advance
from ingle.gateway.admission import FunctionKey, throttled
from ingle.gateway.assignment import Environment, Pool
from ingle.gateway.metrics import Metrics
from ingle.gateway.scaling import Scaling
from ingle.protocol import AwsError
from ingle.transport import HttpClient
from ingle.values import Clock, IngleError

_log = structlog.get_logger("ingle.gateway")
_SWEEP_S = 1.0


class NotStartedError(AwsError):
    """The worker could not start an environment, for the reason that the message gives."""

    def __init__(self, message: str) -> None:
        super().__init__("ServiceException", message)


class Fleet:
    """Assignment over one worker."""

    def __init__(
        self,
        worker: HttpClient,
        clock: Clock,
        idle_expiry_s: float,
        metrics: Metrics,
        scaling: Scaling,
        tenant_limit: int,
    ) -> None:
        self._worker = worker
        self._clock = clock
        self._metrics = metrics
        self._idle_expiry_ns = int(idle_expiry_s * 1e9)
        self._pools: dict[VersionKey, Pool] = {}
        self._known: dict[str, Environment] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._prepared: set[str] = set()
        self._scaling = scaling
        self._tenant_limit = tenant_limit
        """How many environments all tenants together may have."""

    def prepare(self, runtimes: set[str]) -> None:
        """Have the worker warm up runtimes that functions need, so that no first invocation waits for that."""
        for runtime in runtimes - self._prepared:
            self._spawn(self._prepare(runtime))
        self._prepared |= runtimes

    async def _prepare(self, runtime: str) -> None:
        try:
            response = await self._worker.request(b"POST", b"/prepare", (), runtime.encode())
            await response.read(1024)
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

    def _may_start(self, key: VersionKey) -> bool:
        if key.tenant:
            kept = sum(pool.size for one, pool in self._pools.items() if one.tenant)
            if kept >= self._tenant_limit:
                return False
        return self._scaling.take(_function(key), self._clock.monotonic_ns() / 1e9)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, key: VersionKey, pool: Pool) -> None:
        try:
            response = await self._worker.request(
                b"POST", b"/environments", (), msgspec.json.encode(StartEnvironment(version=key))
            )
            body = await response.read(65536)
            if response.status != 201:
                raise NotStartedError(f"The environment could not be started: {body.decode()[:200]}")
            started = msgspec.json.decode(body, type=EnvironmentStarted)
        except IngleError as error:
            pool.starting -= 1
            self._scaling.give_back(_function(key))
            is_told = isinstance(error, NotStartedError)
            pool.refuse(error if is_told else NotStartedError("The worker can't be reached; try again."))
        else:
            pool.starting -= 1
            self._metrics.environment_started(key, started)
            state = State.FAILED if started.init_failed else State.IDLE
            environment = Environment(started.environment_id, key, state)
            self._known[environment.identifier] = environment
            if pool.is_retired and not pool.waiting:
                self._spawn(self._delete(environment))
            else:
                pool.offer(environment, self._clock.monotonic_ns())

    def give_back(self, environment: Environment) -> None:
        """An environment has served and can serve again."""
        if environment.state is not State.BUSY:
            return  # its worker was lost meanwhile
        environment.state = advance(environment.state, Event.INVOKE_FINISHED)
        pool = self._pools[environment.key]  # it stays while one of its environments is busy
        if pool.is_retired and not pool.waiting:
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
            if not pool.is_retired and not is_served(key):
                pool.is_retired = True
                for environment in pool.idle:
                    self._spawn(self._delete(environment))
                pool.idle = []

    def lose_worker(self) -> None:
        """Every environment is gone; those that wait get new ones."""
        self._prepared.clear()
        for environment in list(self._known.values()):
            environment.state = advance(environment.state, Event.WORKER_LOST)
        self._known.clear()
        for pool in self._pools.values():
            pool.idle = []
            pool.busy.clear()

    async def _delete(self, environment: Environment) -> None:
        self._known.pop(environment.identifier, None)
        try:
            response = await self._worker.request(b"DELETE", b"/environments/" + environment.identifier.encode())
            await response.read(1024)
        except IngleError:
            _log.warning("environment.not_deleted", environment=environment.identifier)

    async def sweep(self) -> None:
        """Retire what has been idle too long, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self.sweep_now()

    def sweep_now(self) -> None:
        """Retire what has been idle too long by now."""
        now_ns = self._clock.monotonic_ns()
        before = now_ns - self._idle_expiry_ns
        self._scaling.forget_rested(now_ns / 1e9)
        for key, pool in list(self._pools.items()):
            for environment in pool.expired(before):
                self._spawn(self._delete(environment))
            if pool.is_empty:
                del self._pools[key]


def _function(key: VersionKey) -> FunctionKey:
    return key.account, key.region, key.function
