"""Code on its way into environments: grant, sealed chunks, memory, mount - once for each version."""

import asyncio
import contextlib
import dataclasses
import os
from pathlib import Path

import msgspec

from ingle.artifacts import FileChunks, Manifest, open_to_memfd
from ingle.environments import Assignment, GrantRequest, VersionKey, opt_context
from ingle.sealing import DataKey
from ingle.transport import HttpClient
from ingle.values import MIB, IngleError, SystemClock
from ingle.worker.drivers import Driver, SpawnError

_KEPT_IDLE = 32


class NotGrantedError(IngleError):
    """Control does not let this worker run that version (now)."""


@dataclasses.dataclass(slots=True)
class _Loaded:
    assignment: Assignment
    image: int
    opt_image: int
    users: int = 0
    used_at_ns: int = 0


class Loader:
    """Keeps the versions that environments of this worker use, and a few that they used last."""

    def __init__(self, control: HttpClient, chunks_dir: Path, driver: Driver) -> None:
        self._control = control
        self._chunks = FileChunks(chunks_dir)
        self._driver = driver
        self._loaded: dict[VersionKey, _Loaded] = {}
        self._loading: dict[VersionKey, asyncio.Task[_Loaded]] = {}
        self._clock = SystemClock()

    async def acquire(self, key: VersionKey) -> tuple[Assignment, int, int]:
        """Return a version's assignment and the attached images of its code and of its layers, 0 for none.

        `release` it later.

        Raises NotGrantedError, SpawnError, ChunkTamperedError, ChunkMissingError.
        """
        key = _of_all_tenants(key)
        loaded = self._loaded.get(key)
        if loaded is None or loaded.assignment.expires_at_ms < self._clock.now_ms():
            task = self._loading.get(key)
            if task is None:
                task = asyncio.create_task(self._load(key))
                self._loading[key] = task
                task.add_done_callback(lambda _: self._loading.pop(key, None))
            loaded = await asyncio.shield(task)
        loaded.users += 1
        return loaded.assignment, loaded.image, loaded.opt_image

    async def release(self, key: VersionKey) -> None:
        loaded = self._loaded.get(_of_all_tenants(key))
        if loaded is None:
            return
        loaded.users -= 1
        loaded.used_at_ns = self._clock.monotonic_ns()
        idle = sorted((one for one in self._loaded.items() if one[1].users <= 0), key=lambda one: one[1].used_at_ns)
        for old, entry in idle[: max(0, len(idle) - _KEPT_IDLE)]:
            del self._loaded[old]
            await self._detach(entry.image, entry.opt_image)

    def forget_all(self) -> None:
        """The driver has lost every image."""
        self._loaded.clear()

    async def _load(self, key: VersionKey) -> _Loaded:
        assignment = await self._grant(key)
        known = self._loaded.get(key)
        if known is not None:  # only the grant had run out
            known.assignment = assignment
            return known
        image = await self._attach(assignment.manifest, assignment.data_key, assignment.context)
        opt_image = 0
        if assignment.opt_manifest:
            try:
                context = opt_context(assignment.context)
                opt_image = await self._attach(assignment.opt_manifest, assignment.opt_data_key, context)
            except BaseException:
                await self._detach(image)
                raise
        loaded = _Loaded(assignment, image, opt_image, used_at_ns=self._clock.monotonic_ns())
        self._loaded[key] = loaded
        return loaded

    async def _attach(self, manifest: bytes, data_key: bytes, context: dict[str, str]) -> int:
        memory = await asyncio.to_thread(
            open_to_memfd, Manifest.decode(manifest), DataKey(data_key), context, self._chunks
        )
        try:
            return await self._driver.attach(memory)
        finally:
            os.close(memory)

    async def _detach(self, *images: int) -> None:
        with contextlib.suppress(SpawnError):  # a driver that is lost has no images any more
            for image in images:
                if image:
                    await self._driver.detach(image)

    async def _grant(self, key: VersionKey) -> Assignment:
        request = msgspec.json.encode(GrantRequest(version=key))
        response = await self._control.request(b"POST", b"/grants", (), request)
        body = await response.read(MIB)
        if response.status != 200:
            raise NotGrantedError(f"control grants no {key.function}:{key.version}")
        return msgspec.json.decode(body, type=Assignment)


def _of_all_tenants(key: VersionKey) -> VersionKey:
    """Return the key of the code, which all tenants of a version have in common."""
    return msgspec.structs.replace(key, tenant="") if key.tenant else key
