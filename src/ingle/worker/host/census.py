"""What each environment of this worker is doing and using, for `ingle top` and the metrics."""

import asyncio
import dataclasses
import time

from ingle.environments import PROVISIONED
from ingle.links.gateway_worker import EnvironmentReport
from ingle.worker.drivers import RunningEnvironment
from ingle.worker.environment.environment import Environment
from ingle.worker.host.retirement import Idle

_AT_A_TIME = 64


@dataclasses.dataclass(slots=True)
class _Entry:
    environment: Environment
    running: RunningEnvironment
    started_ns: int
    invocations: int = 0

    def report(self, now_ns: int) -> EnvironmentReport:
        key, usage = self.environment.assignment.version, self.running.usage()
        return EnvironmentReport(
            id=self.environment.identifier,
            region=key.region,
            function=key.function,
            version=key.version,
            state=self.environment.state.value,
            memory_bytes=usage.memory_bytes,
            cpu_us=usage.cpu_us,
            age_s=(now_ns - self.started_ns) / 1e9,
            invocations=self.invocations,
            tenant=key.tenant or None,
        )


class Census:
    """The environments that are there, by their ids."""

    def __init__(self) -> None:
        self._entries: dict[bytes, _Entry] = {}

    def add(self, environment: Environment, running: RunningEnvironment) -> None:
        self._entries[environment.identifier.encode()] = _Entry(environment, running, time.monotonic_ns())

    def remove(self, environment: Environment) -> None:
        self._entries.pop(environment.identifier.encode(), None)

    def count_invocation(self, identifier: bytes) -> None:
        self._entries[identifier].invocations += 1

    def idle(self) -> list[Idle]:
        """Return the environments that serve nobody and may be ended; provisioned ones would only be made anew."""
        return [
            Idle(
                identifier=identifier,
                since_s=entry.environment.idle_since_s,
                memory_bytes=entry.running.usage().memory_bytes,
            )
            for identifier, entry in self._entries.items()
            if entry.environment.state.can_serve and entry.environment.assignment.initialization_type != PROVISIONED
        ]

    async def reports(self) -> list[EnvironmentReport]:
        """Return a report of each environment, oldest first; lets others go on between some of them.

        An environment's files cost several microseconds each, and there may be thousands of environments.
        """
        reports = []
        for at, identifier in enumerate(list(self._entries)):
            if at % _AT_A_TIME == _AT_A_TIME - 1:
                await asyncio.sleep(0)
            entry = self._entries.get(identifier)
            if entry is not None:
                reports.append(entry.report(time.monotonic_ns()))
        return reports
