"""The worker's program: takes orders from the gateway, runs environments."""

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ingle.environments import (
    Assignment,
    EnvironmentStarted,
    NotStarted,
    PoolLevel,
    StartEnvironment,
    State,
    VersionKey,
)
from ingle.transport import Exchange, HttpClient, Lifeline, is_linked, serve_http, unix_listener
from ingle.values import MIB, PAYLOAD_LIMIT_BYTES, IngleError
from ingle.worker.ahead import Ahead
from ingle.worker.beginnings import RestoreFailedError, beginning_of, check_restored
from ingle.worker.births import Births, Grant, RuntimeMissingError
from ingle.worker.census import Census
from ingle.worker.config import WorkerSettings
from ingle.worker.drivers import Driver, ProcessDriver, SandboxDriver, SpawnError
from ingle.worker.environment import Environment
from ingle.worker.invocation import Invocation
from ingle.worker.loader import Loader
from ingle.worker.log_shipping import LogShipper
from ingle.worker.pace import Pace
from ingle.worker.retirement import available_bytes, choose
from ingle.worker.role_credentials import ContainerCredentials
from ingle.worker.templates import Image, Making, Reports, Template, Templates, template_key, why_no_template

_log = structlog.get_logger("ingle.worker")
_FREEZE_AFTER_S = 0.03
_LOOK_S = 0.5
_AHEAD_COUNTS_S = 0.05
"""How long one that is made ahead counts: longer than a copy takes, shorter than a hook may wait for something else."""
_CONNECT_AGAIN_S = 0.02
_MEMINFO = Path("/proc/meminfo")
_TEMPLATE_WAIT_S = 10.0
"""How long an environment waits for its template, which others may be made before: then it runs an init itself."""
_INVOCATIONS = b"/invocations"
_ENVIRONMENTS = b"/environments/"
_SETTLED = b"/settled"


class Environments:
    """The environments of this worker."""

    def __init__(self, driver: Driver, births: Births, credentials: ContainerCredentials, reports: Reports) -> None:
        self._driver = driver
        self._births = births
        self._credentials = credentials
        self._templates = Templates(self._make_template, reports)
        self._running: dict[bytes, Environment] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thawed: set[Environment] = set()
        self._ahead: Ahead[Environment] = Ahead()
        self._pace = Pace()
        self._ahead_pace = Pace(at_once=max(2, os.cpu_count() or 1), counts_s=_AHEAD_COUNTS_S)
        self._starting = 0
        self._is_leaving = False
        self.changes: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        """What the gateway is told."""
        self.census = Census()

    def find(self, identifier: bytes) -> Environment | None:
        return self._running.get(identifier)

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime's zygote."""
        entry = self._births.runtimes.get(runtime)
        if entry is not None:
            await self._driver.prepare(entry.index)

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment and run its init. Raises IngleError where it can't be had."""
        self._starting += 1
        try:
            return await self._start(wanted)
        finally:
            self._starting -= 1

    async def _start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        began_ns = time.monotonic_ns()
        environment = await self._ahead.take(wanted.version) or await self._have_born(wanted)
        if environment.beginning.is_copy and not self._is_leaving:
            self._ahead.make(wanted.version, lambda: self._have_born_ahead(wanted))
        return EnvironmentStarted(
            environment_id=environment.identifier,
            init_failed=environment.state is State.FAILED,
            init_ns=time.monotonic_ns() - began_ns,
            serves_once=environment.serves_once,
        )

    async def _have_born_ahead(self, wanted: StartEnvironment) -> Environment:
        """Do as `_have_born` for nobody yet, and leave processors to those who wait."""
        async with self._ahead_pace.place():
            return await self._have_born(wanted)

    async def _have_born(self, wanted: StartEnvironment) -> Environment:
        grant = await self._births.acquire(wanted)
        image = await self._template_of(grant.assignment)
        environment = await self._run(grant, image)
        if image is None or environment.state is not State.FAILED:
            return environment
        environment.retire()  # a copy that can't begin is of no use
        grant = await self._births.acquire(wanted)
        assert environment.broken is not None
        try:
            check_restored(grant.assignment, environment.broken)
        except BaseException:
            await self._births.release(wanted.version)
            raise
        self._templates.copy_ended(template_key(wanted.version))
        self._want_again(template_key(wanted.version))
        return await self._run(grant, None)

    async def _run(self, grant: Grant, image: Image | None) -> Environment:
        """Have an environment begin; it has ended its begin on return, well or not."""
        async with self._pace.place():
            return await self._begin(grant, image)

    async def _begin(self, grant: Grant, image: Image | None) -> Environment:
        try:
            newborn = await self._births.spawn(grant, template=image, becomes_template=image is not None)
        except BaseException:
            await self._births.release(grant.assignment.version)
            raise
        identifier = self._births.new_identifier()
        beginning = beginning_of(grant.assignment, is_copy=image is not None)
        environment = Environment(identifier, grant.assignment, newborn, self._credentials, beginning, self)
        self._running[identifier.encode()] = environment
        self.census.add(environment, newborn.running)
        try:
            await environment.start()
        except BaseException:  # the worker may have no descriptor left
            environment.retire()
            raise
        return environment

    # templates, and what is copied of them ahead

    async def _template_of(self, assignment: Assignment) -> Image | None:
        """Return the image that an environment of a version shall become, None where it runs an init itself."""
        if not (assignment.has_template and self._births.makes_copies):
            return None
        with contextlib.suppress(IngleError, TimeoutError):
            async with asyncio.timeout(_TEMPLATE_WAIT_S):
                return (await self._templates.get(template_key(assignment.version))).image
        return None

    async def _make_template(self, key: VersionKey) -> Template:
        """Run a version's init in an environment of its own and return its image. Raises IngleError."""
        grant = await self._births.acquire(StartEnvironment(version=key))
        try:
            reason = why_no_template(grant.assignment, makes_copies=self._births.makes_copies)
            if reason:
                return Template(reason=reason)
            newborn = await self._births.spawn(grant, is_template=True)
            return await Making(grant.assignment, newborn, self._credentials).run()
        finally:
            await self._births.release(key)

    def want_template(self, key: VersionKey) -> None:
        """Have a version's template made, unless there is one, and report what came of it."""
        self._spawn(self._templates.want(key))

    def forget_template(self, key: VersionKey) -> None:
        self._templates.forget(key)
        self._ahead.drop(lambda one: template_key(one) == key)

    def forget_templates(self) -> None:
        """A gateway begins anew, and tells of those that it wants."""
        self._templates.wanted.clear()
        self.void_templates()

    def void_templates(self) -> None:
        """The zygotes whose forks could have become them are gone."""
        self._templates.void_all()
        self._ahead.drop(lambda _: True)

    def renew_templates(self) -> None:
        """There are zygotes again."""
        for key in self._templates.wanted:
            self.want_template(key)

    def leave(self) -> None:
        """Tell the gateway that there will be no others, and drop what was made ahead."""
        self._is_leaving = True
        self.changes.put_nowait({"event": "leaving"})
        self._ahead.drop(lambda _: True)

    # what environments tell

    def became_idle(self, environment: Environment) -> None:
        self._thawed.add(environment)

    def became_no_copy(self, environment: Environment) -> None:
        key = template_key(environment.assignment.version)
        self._templates.void(key)
        self._want_again(key)

    def _want_again(self, key: VersionKey) -> None:
        if key in self._templates.wanted:
            self.want_template(key)

    def left(self, environment: Environment) -> None:
        self._running.pop(environment.identifier.encode(), None)
        self.census.remove(environment)
        self.changes.put_nowait({"event": "gone", "environment_id": environment.identifier})
        self._spawn(self._births.release(environment.assignment.version))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def freeze_idle(self) -> None:
        """Freeze what has been idle for some tens of milliseconds, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_FREEZE_AFTER_S)
            before = loop.time() - _FREEZE_AFTER_S
            looked_at, self._thawed = self._thawed, set()
            self._thawed |= {one for one in looked_at if one.freeze_if_idle(before)}

    async def keep_free(self, mib: int) -> None:
        """End idle environments while the machine has less memory available than this, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            missing = mib * MIB - available_bytes(_MEMINFO.read_bytes())
            for one in choose(self.census.idle(), missing) if missing > 0 else ():
                _log.info("environment.ended_for_memory", environment=one.identifier.decode())
                self._running[one.identifier].retire()

    def pool_levels(self) -> list[PoolLevel]:
        """Return the levels of the blank pools."""
        levels = self._driver.pool_levels()
        return [
            PoolLevel(runtime=one.name, ready=levels[one.index].ready, wanted=levels[one.index].wanted)
            for one in self._births.runtimes.values()
            if one.index in levels
        ]

    async def stop_all(self) -> None:
        """Kill every environment and wait until nothing is left."""
        environments = list(self._running.values())
        for environment in environments:
            environment.retire()
        for environment in environments:
            await environment.is_gone.wait()

    @property
    def is_empty(self) -> bool:
        return not (self._running or self._starting)

    @property
    def busy(self) -> int:
        return sum(environment.state is State.BUSY for environment in self._running.values())


class Agent:
    """The handler of the worker's socket."""

    def __init__(self, environments: Environments, driver: Driver, token: str) -> None:
        self._environments = environments
        self._driver = driver
        self._token = token
        self.is_draining = False

    def __call__(self, exchange: Exchange) -> Any:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
            return None
        target = exchange.target
        if target.endswith(_INVOCATIONS) and target.startswith(_ENVIRONMENTS):
            body = exchange.body_nowait
            if body is None:
                return self._invoke_later(exchange)
            return self._invoke(exchange, body)
        return self._manage(exchange)

    async def _invoke_later(self, exchange: Exchange) -> None:
        self._invoke(exchange, await exchange.read(PAYLOAD_LIMIT_BYTES))

    def _invoke(self, exchange: Exchange, body: bytes) -> None:
        identifier = exchange.target[len(_ENVIRONMENTS) : -len(_INVOCATIONS)]
        environment = self._environments.find(identifier)
        if environment is None or not environment.state.can_serve:
            exchange.respond(409, ())
        else:
            self._environments.census.count_invocation(identifier)
            environment.invoke(Invocation(exchange, body))

    async def _manage(self, exchange: Exchange) -> None:
        match exchange.method, exchange.target:
            case b"POST", b"/environments":
                await self._start(exchange)
            case b"POST", b"/reset":
                self._environments.forget_templates()
                await self._environments.stop_all()
                exchange.respond(200, ())
            case b"POST", b"/prepare":
                with contextlib.suppress(SpawnError):
                    await self._environments.prepare((await exchange.read(1024)).decode())
                exchange.respond(202, ())
            case b"GET", b"/environments":
                exchange.respond(200, (), msgspec.json.encode(await self._environments.census.reports()))
            case ((b"POST" | b"DELETE"), b"/templates"):
                await self._tell_of_template(exchange)
            case b"GET", b"/pools":
                exchange.respond(200, (), msgspec.json.encode(self._environments.pool_levels()))
            case b"GET", b"/environments/changes":
                await self._changes(exchange)
            case b"GET", b"/health":
                exchange.respond(503 if self._driver.lost.is_set() or self.is_draining else 200, ())
            case b"GET", target if target.startswith(_ENVIRONMENTS) and target.endswith(_SETTLED):
                await self._settle(exchange)
            case b"DELETE", target if target.startswith(_ENVIRONMENTS):
                self._retire(target[len(_ENVIRONMENTS) :])
                exchange.respond(202, ())
            case _:
                exchange.respond(404, ())

    async def _tell_of_template(self, exchange: Exchange) -> None:
        key = msgspec.json.decode(await exchange.read(65536), type=StartEnvironment).version
        if exchange.method == b"POST":
            self._environments.want_template(key)
        else:
            self._environments.forget_template(key)
        exchange.respond(202, ())

    async def _start(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await exchange.read(65536), type=StartEnvironment)
        if self.is_draining:
            exchange.respond(503, (), msgspec.json.encode(NotStarted(message="the worker is draining")))
            return
        try:
            started = await self._environments.start(request)
        except (IngleError, OSError, msgspec.ValidationError) as error:  # the host may be short of something, too
            _log.warning("environment.refused", function=request.version.function, reason=str(error))
            code = error.code if isinstance(error, RestoreFailedError | RuntimeMissingError) else ""
            exchange.respond(503, (), msgspec.json.encode(NotStarted(message=str(error), code=code)))
            return
        if exchange.is_disconnected:  # the gateway that asked is gone, and its successor knows nothing of this one
            self._retire(started.environment_id.encode())
        exchange.respond(201, (), msgspec.json.encode(started))

    async def _settle(self, exchange: Exchange) -> None:
        """Answer once an environment can serve again; 410 where it never will."""
        environment = self._environments.find(exchange.target[len(_ENVIRONMENTS) : -len(_SETTLED)])
        can_serve = environment is not None and await environment.wait_until_settled()
        exchange.respond(204 if can_serve else 410, ())

    def _retire(self, identifier: bytes) -> None:
        environment = self._environments.find(identifier)
        if environment is not None:
            environment.retire()

    async def _changes(self, exchange: Exchange) -> None:
        listening = asyncio.current_task()
        assert listening is not None
        exchange.on_disconnect(lambda: _cancel(listening))  # who is gone takes no change away from its successor
        exchange.start(200, ())
        await exchange.write(b'{"event":"hello"}\n')
        while not exchange.is_disconnected:
            change = await self._environments.changes.get()
            await exchange.write(msgspec.json.encode(change) + b"\n")


def _cancel(task: "asyncio.Task[Any]") -> None:
    task.cancel()


def _make_driver(settings: WorkerSettings) -> Driver:
    if settings.driver == "process":
        return ProcessDriver(Path(settings.packages_dir), insecure=settings.insecure)
    return SandboxDriver(Path(settings.run_dir) / "spawner.sock")


async def _keep_driver(driver: Driver, environments: Environments, loader: Loader) -> None:
    """Reconnect to a spawner that was restarted; everything that ran under the old one is gone."""
    while True:
        await driver.lost.wait()
        environments.void_templates()
        loader.forget_all()
        try:
            await driver.start()
            environments.renew_templates()
        except SpawnError:
            await asyncio.sleep(0.05)


async def _connect(driver: Driver) -> None:
    """Wait for the spawner, which starts beside us and may take its time."""
    while True:
        try:
            return await driver.start()
        except SpawnError:
            await asyncio.sleep(_CONNECT_AGAIN_S)


async def _leave(agent: Agent, environments: Environments, drain_s: float, lifeline: Lifeline) -> None:
    """Once the lease is over, take no new environments, and stop when the gateway has let go of all that there are."""
    await lifeline.lease_over.wait()
    agent.is_draining = True
    environments.leave()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(drain_s):
            while not environments.is_empty:
                await asyncio.sleep(0.05)
    lifeline.stopped.set()


async def serve_worker(settings: WorkerSettings, lifeline: Lifeline) -> None:
    """Run the worker until it is told to stop; then finish what is in flight and stop every environment."""
    run_dir = Path(settings.run_dir)
    loop = asyncio.get_running_loop()
    control = HttpClient(str(run_dir / "control-worker.sock"), token=settings.links.control_worker)
    driver = _make_driver(settings)
    await _connect(driver)
    loader = Loader(control, Path(settings.chunks_dir), driver)
    shipper = LogShipper(control)
    credentials = ContainerCredentials()
    births = Births(driver, loader, shipper, settings.runtimes, credentials)
    environments = Environments(driver, births, credentials, Reports(control))
    agent = Agent(environments, driver, settings.links.worker)
    server = await serve_http(agent, unix_listener(run_dir / settings.socket))
    tasks = [
        asyncio.create_task(shipper.run()),
        asyncio.create_task(environments.freeze_idle()),
        asyncio.create_task(environments.keep_free(settings.keep_free_mib)),
        asyncio.create_task(_keep_driver(driver, environments, loader)),
    ]
    lifeline.ready()
    leaving = asyncio.create_task(_leave(agent, environments, settings.drain_s, lifeline))
    await lifeline.stopped.wait()
    leaving.cancel()
    agent.is_draining = True
    server.close()
    end = loop.time() + settings.drain_s
    while environments.busy and loop.time() < end:
        await asyncio.sleep(0.02)
    await environments.stop_all()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await shipper.flush()
    await server.drain(1.0)
    await driver.close()
