"""The environments of this worker: starts them, freezes them when they are idle, ends them."""

import asyncio
import contextlib
import os
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import structlog

from ingle.environments import Assignment, State, VersionKey
from ingle.links.gateway_worker import (
    Change,
    EnvironmentGone,
    EnvironmentStarted,
    PoolLevel,
    StartEnvironment,
    WorkerLeaving,
)
from ingle.values import MIB, IngleError
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.drivers import Driver
from ingle.worker.environment.beginnings import beginning_of, check_restored
from ingle.worker.environment.environment import Environment
from ingle.worker.host.ahead import Ahead
from ingle.worker.host.births import Births, Grant
from ingle.worker.host.census import Census
from ingle.worker.host.pace import Pace
from ingle.worker.host.retirement import available_bytes, choose
from ingle.worker.templates.templates import Image, Making, Reports, Template, Templates, template_key, why_no_template

_log = structlog.get_logger("ingle.worker")
_FREEZE_AFTER_S = 0.03
_LOOK_S = 0.5
_AHEAD_COUNTS_S = 0.05
"""How long one that is made ahead counts: longer than a copy takes, shorter than a hook may wait for something else."""
_MEMINFO = Path("/proc/meminfo")
_TEMPLATE_WAIT_S = 10.0
"""How long an environment waits for its template, which others may be made before: then it runs an init itself."""


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
        self.changes: asyncio.Queue[Change] = asyncio.Queue()
        """What the gateway is told."""
        self.census = Census()

    def find(self, identifier: bytes) -> Environment | None:
        return self._running.get(identifier)

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime's zygote."""
        entry = self._births.runtimes.get(runtime)
        if entry is not None:
            await self._driver.prepare(entry.fingerprint)

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
        self.changes.put_nowait(WorkerLeaving())
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
        self.changes.put_nowait(EnvironmentGone(environment_id=environment.identifier))
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
            PoolLevel(runtime=one.name, ready=levels[one.fingerprint].ready, wanted=levels[one.fingerprint].wanted)
            for one in self._births.runtimes.values()
            if one.fingerprint in levels
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
