"""What the worker does for its gateway: the handler of its door."""

import contextlib
from collections.abc import AsyncIterator

import msgspec
import structlog

from ingle.environments import VersionKey
from ingle.links.gateway_worker import (
    Caller,
    Change,
    EnvironmentReport,
    EnvironmentStarted,
    Invocation,
    PoolLevel,
    StartEnvironment,
    StartRefusedError,
)
from ingle.values import IngleError
from ingle.worker.drivers import Driver, SpawnError
from ingle.worker.environment.beginnings import RestoreFailedError
from ingle.worker.environment.invocation import ServedInvocation
from ingle.worker.host.births import RuntimeMissingError
from ingle.worker.host.environments import Environments

_log = structlog.get_logger("ingle.worker")


class Agent:
    """Serves a gateway; it implements `WorkerHandler`, where the calls are described."""

    def __init__(self, environments: Environments, driver: Driver) -> None:
        self._environments = environments
        self._driver = driver
        self.is_draining = False

    def invoke(self, identifier: bytes, invocation: Invocation, caller: Caller) -> bool:
        """Have an environment serve, if it can."""
        environment = self._environments.find(identifier)
        if environment is None or not environment.state.can_serve:
            return False
        self._environments.census.count_invocation(identifier)
        environment.invoke(ServedInvocation(invocation, caller))
        return True

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment. Raises StartRefusedError."""
        if self.is_draining:
            raise StartRefusedError("the worker is draining")
        try:
            return await self._environments.start(wanted)
        except (IngleError, OSError, msgspec.ValidationError) as error:  # the host may be short of something, too
            _log.warning("environment.refused", function=wanted.version.function, reason=str(error))
            code = error.code if isinstance(error, RestoreFailedError | RuntimeMissingError) else ""
            raise StartRefusedError(str(error), code) from None

    async def settle(self, identifier: bytes) -> bool:
        """Wait until an environment can serve again."""
        environment = self._environments.find(identifier)
        return environment is not None and await environment.wait_until_settled()

    async def end(self, identifier: bytes) -> None:
        """Have an environment end."""
        environment = self._environments.find(identifier)
        if environment is not None:
            environment.retire()

    async def reset(self) -> None:
        """End all that there is."""
        self._environments.forget_templates()
        await self._environments.stop_all()

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime."""
        with contextlib.suppress(SpawnError):
            await self._environments.prepare(runtime)

    async def want_template(self, version: VersionKey) -> None:
        """Hold a version's template."""
        self._environments.want_template(version)

    async def forget_template(self, version: VersionKey) -> None:
        """Hold a version's template no more."""
        self._environments.forget_template(version)

    async def report_environments(self) -> list[EnvironmentReport]:
        """Return a report of each environment."""
        return await self._environments.census.reports()

    async def report_pools(self) -> list[PoolLevel]:
        """Return the levels of the blank environments."""
        return self._environments.pool_levels()

    async def is_ready(self) -> bool:
        """Return whether environments can be started now."""
        return not (self._driver.lost.is_set() or self.is_draining)

    async def changes(self) -> AsyncIterator[Change]:
        """Tell of what happens by itself."""
        while True:
            yield await self._environments.changes.get()
