"""A worker's end of its link with a gateway, to be filled by a test."""

import asyncio
from collections.abc import AsyncIterator

from ingle.environments import VersionKey
from ingle.links.gateway_worker import (
    Caller,
    Change,
    EnvironmentReport,
    EnvironmentStarted,
    Invocation,
    PoolLevel,
    StartEnvironment,
)


class QuietWorker:
    """A `WorkerHandler` that says yes to everything, starts environments named by a number, and serves none of them.

    `heard` tells of each order but those for an answer.
    """

    def __init__(self) -> None:
        self.started = 0
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.told: asyncio.Queue[Change] = asyncio.Queue()

    def invoke(self, identifier: bytes, invocation: Invocation, caller: Caller) -> bool:
        return False

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        self.started += 1
        return EnvironmentStarted(environment_id=str(self.started), init_failed=False)

    async def settle(self, identifier: bytes) -> bool:
        return True

    async def end(self, identifier: bytes) -> None:
        self.heard.put_nowait(f"end {identifier.decode()}")

    async def reset(self) -> None:
        self.heard.put_nowait("reset")

    async def prepare(self, runtime: str) -> None:
        self.heard.put_nowait(f"prepare {runtime}")

    async def want_template(self, version: VersionKey) -> None:
        self.heard.put_nowait(f"want {version.function}:{version.version}")

    async def forget_template(self, version: VersionKey) -> None:
        self.heard.put_nowait(f"forget {version.function}:{version.version}")

    async def report_environments(self) -> list[EnvironmentReport]:
        return []

    async def report_pools(self) -> list[PoolLevel]:
        return [PoolLevel(runtime="python3.13", ready=1, wanted=4)]

    async def is_ready(self) -> bool:
        return True

    async def changes(self) -> AsyncIterator[Change]:
        while True:
            yield await self.told.get()
