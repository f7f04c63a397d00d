"""The worker's program: takes orders from the gateway, runs environments."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ingle.environments import EnvironmentStarted, PoolLevel, StartEnvironment, State
from ingle.transport import Exchange, HttpClient, is_linked, serve_http, unix_listener
from ingle.values import PAYLOAD_LIMIT_BYTES, IngleError
from ingle.worker.census import Census
from ingle.worker.config import RuntimeEntry, WorkerSettings
from ingle.worker.drivers import Driver, EnvironmentSpec, ProcessDriver, SandboxDriver, SpawnError
from ingle.worker.environment import Environment, stream_name
from ingle.worker.invocation import Invocation
from ingle.worker.loader import Loader
from ingle.worker.log_shipping import LogShipper
from ingle.worker.role_credentials import ContainerCredentials
from ingle.worker.variables import extension_variables_for, variables_for

_log = structlog.get_logger("ingle.worker")
_FREEZE_AFTER_S = 0.03
_INVOCATIONS = b"/invocations"
_ENVIRONMENTS = b"/environments/"
_SETTLED = b"/settled"


class Environments:
    """The environments of this worker."""

    def __init__(self, driver: Driver, loader: Loader, shipper: LogShipper, runtimes: list[RuntimeEntry]) -> None:
        self._driver = driver
        self._loader = loader
        self._shipper = shipper
        self._runtimes = {runtime.name: runtime for runtime in runtimes}
        self._running: dict[bytes, Environment] = {}
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._thawed: set[Environment] = set()
        self.gone: asyncio.Queue[str] = asyncio.Queue()
        self._credentials = ContainerCredentials()
        self.census = Census()

    def find(self, identifier: bytes) -> Environment | None:
        return self._running.get(identifier)

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime's zygote."""
        entry = self._runtimes.get(runtime)
        if entry is not None:
            await self._driver.prepare(entry.index)

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment and run its init. Raises IngleError where it can't be had."""
        key = wanted.version
        assignment, image, opt_image = await self._loader.acquire(key)
        assignment = msgspec.structs.replace(assignment, version=key, initialization_type=wanted.initialization_type)
        self._number += 1
        identifier = f"{self._number:x}-{os.urandom(4).hex()}"
        name = stream_name(key.version, time.time())
        began_ns = time.monotonic_ns()
        stream = self._shipper.stream(key.account, key.region, assignment.log_group, name)
        runtime = self._runtimes.get(assignment.runtime)
        try:
            if runtime is None:
                raise SpawnError(f"this host has no {assignment.runtime}")
            variables = variables_for(assignment, name, self._credentials.token(key))
            configuration = {
                "environment": variables,
                "handler": assignment.handler,
                "runtime": assignment.runtime,
                "interpreter": runtime.interpreter,
                "extensions": assignment.extensions,
                "extension_environment": extension_variables_for(assignment, variables),
            }
            running = await self._driver.spawn(
                EnvironmentSpec(
                    runtime=runtime.index,
                    memory_mib=assignment.memory_mib,
                    ephemeral_mib=assignment.ephemeral_mib,
                    image=image,
                    opt_image=opt_image,
                    configuration=json.dumps(configuration).encode(),
                )
            )
        except BaseException:
            await self._loader.release(key)
            raise
        environment = Environment(
            identifier, assignment, running, stream, self._credentials, self._left, self._became_idle
        )
        self._running[identifier.encode()] = environment
        self.census.add(environment, running)
        failed = await environment.start()
        init_ns = time.monotonic_ns() - began_ns
        return EnvironmentStarted(environment_id=identifier, init_failed=failed, init_ns=init_ns)

    def _became_idle(self, environment: Environment) -> None:
        self._thawed.add(environment)

    def _left(self, environment: Environment) -> None:
        self._running.pop(environment.identifier.encode(), None)
        self.census.remove(environment)
        self.gone.put_nowait(environment.identifier)
        task = asyncio.create_task(self._loader.release(environment.assignment.version))
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

    def pool_levels(self) -> list[PoolLevel]:
        """Return the levels of the blank pools."""
        levels = self._driver.pool_levels()
        return [
            PoolLevel(runtime=one.name, ready=levels[one.index].ready, wanted=levels[one.index].wanted)
            for one in self._runtimes.values()
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
                await self._environments.stop_all()
                exchange.respond(200, ())
            case b"POST", b"/prepare":
                with contextlib.suppress(SpawnError):
                    await self._environments.prepare((await exchange.read(1024)).decode())
                exchange.respond(202, ())
            case b"GET", b"/environments":
                exchange.respond(200, (), msgspec.json.encode(await self._environments.census.reports()))
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

    async def _start(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await exchange.read(65536), type=StartEnvironment)
        if self.is_draining:
            exchange.respond(503, (), b"the worker is draining")
            return
        try:
            started = await self._environments.start(request)
        except (IngleError, msgspec.ValidationError) as error:
            _log.warning("environment.refused", function=request.version.function, reason=str(error))
            exchange.respond(503, (), str(error).encode())
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
        exchange.start(200, ())
        await exchange.write(b'{"hello":true}\n')
        while not exchange.is_disconnected:
            identifier = await self._environments.gone.get()
            await exchange.write(msgspec.json.encode({"environment_id": identifier, "event": "gone"}) + b"\n")


def _make_driver(settings: WorkerSettings) -> Driver:
    if settings.driver == "process":
        return ProcessDriver(Path(settings.packages_dir), insecure=settings.insecure)
    return SandboxDriver(Path(settings.run_dir) / "spawner.sock")


async def _keep_driver(driver: Driver, environments: Environments, loader: Loader) -> None:
    """Reconnect to a spawner that was restarted; everything that ran under the old one is gone."""
    while True:
        await driver.lost.wait()
        loader.forget_all()
        try:
            await driver.start()
        except SpawnError:
            await asyncio.sleep(0.05)


async def _connect(driver: Driver) -> None:
    """Wait for the spawner, which starts beside us. Raises SpawnError after four seconds."""
    for _ in range(200):
        with contextlib.suppress(SpawnError):
            await driver.start()
            return
        await asyncio.sleep(0.02)
    await driver.start()


async def serve_worker(settings: WorkerSettings) -> None:
    """Run the worker until SIGTERM; then finish what is in flight and stop every environment."""
    run_dir = Path(settings.run_dir)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    control = HttpClient(str(run_dir / "control-worker.sock"), token=settings.links.control_worker)
    driver = _make_driver(settings)
    await _connect(driver)
    loader = Loader(control, Path(settings.chunks_dir), driver)
    shipper = LogShipper(control)
    environments = Environments(driver, loader, shipper, settings.runtimes)
    agent = Agent(environments, driver, settings.links.worker)
    server = await serve_http(agent, unix_listener(run_dir / "worker.sock"))
    tasks = [
        asyncio.create_task(shipper.run()),
        asyncio.create_task(environments.freeze_idle()),
        asyncio.create_task(_keep_driver(driver, environments, loader)),
    ]
    if settings.ready_fd is not None:
        os.write(settings.ready_fd, b"ready\n")
    await stopped.wait()
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
