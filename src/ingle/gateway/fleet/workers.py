"""Follows the workers of this machine: the one that leads, and one whose lease is over until nothing of it is left.

A worker's socket has a name of its own; the link `worker.sock` names the one that leads.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from ingle.gateway.fleet.fleet import Fleet
from ingle.links.gateway_worker import EnvironmentGone, Worker
from ingle.values import IngleError

_PAUSE_S = 0.05


class Workers:
    """Has the fleet know which worker leads, and what becomes of the environments of each."""

    def __init__(self, place: Path, connect: Callable[[Path], Worker], fleet: Fleet, begin: Callable[[], None]) -> None:
        self._place = place
        self._connect = connect
        self._fleet = fleet
        self._begin = begin
        """Has a worker that has just begun to lead hold what the functions need."""

    async def follow(self) -> None:
        """Follow the workers, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                path, is_leaving = self._leading(), asyncio.Event()
                following = group.create_task(self._follow(path, is_leaving))
                await is_leaving.wait()
                while self._leading() == path and not following.done():
                    await asyncio.sleep(_PAUSE_S)

    def _leading(self) -> Path:
        return self._place.resolve()

    async def _follow(self, path: Path, is_leaving: asyncio.Event) -> None:
        """Follow one worker until it is gone; it starts clean, as it or we may have been restarted."""
        worker = self._connect(path)
        self._fleet.lead(worker)
        try:
            await worker.reset()
            self._begin()
            await self._hear(worker, is_leaving)
        except IngleError:
            await asyncio.sleep(_PAUSE_S)
        finally:
            self._fleet.lose_worker(worker)
            is_leaving.set()

    async def _hear(self, worker: Worker, is_leaving: asyncio.Event) -> None:
        """Hear of environments that end by themselves, and that the worker will have no others."""
        async for change in worker.changes():
            if isinstance(change, EnvironmentGone):
                self._fleet.drop_by_id(change.environment_id)
            else:
                is_leaving.set()
