"""Code on its way into environments: grant, sealed chunks, memory, mount - once for each version."""

import asyncio
import contextlib
import dataclasses
import os
from pathlib import Path

import msgspec

from ingle.artifacts import FileChunks, Manifest, open_to_memfd
from ingle.environments import Assignment, RoleCredentials, VersionKey, opt_context
from ingle.links.worker_control import Control, NotGrantedError
from ingle.sealing import DataKey
from ingle.values import IngleError, SystemClock
from ingle.worker.drivers import Driver, SpawnError

_KEPT_IDLE = 32
_KEYS, _FEW_KEYS = 16, 4
"""How many environments' credentials are fetched at a time, and with how few left."""


@dataclasses.dataclass(slots=True)
class _Loaded:
    assignment: Assignment
    image: int
    opt_image: int
    users: int = 0
    used_at_ns: int = 0
    keys: list[RoleCredentials] = dataclasses.field(default_factory=list)
    """Credentials that no environment has had yet."""
    fetching: "asyncio.Task[None] | None" = None


class Loader:
    """Keeps the versions that environments of this worker use, and a few that they used last."""

    def __init__(self, control: Control, chunks_dir: Path, driver: Driver) -> None:
        self._control = control
        self._chunks = FileChunks(chunks_dir)
        self._driver = driver
        self._loaded: dict[VersionKey, _Loaded] = {}
        self._loading: dict[VersionKey, asyncio.Task[_Loaded]] = {}
        self._clock = SystemClock()

    async def acquire(self, key: VersionKey) -> tuple[Assignment, int, int]:
        """Return a version's assignment and the attached images of its code and of its layers, 0 for none.

        Its credentials are for one environment: what leaks can be told apart. `release` it later.

        Raises NotGrantedError, SpawnError, ChunkTamperedError, ChunkMissingError.
        """
        key = _of_all_tenants(key)
        loaded = await self._ready(key)
        while self._loaded.get(key) is not loaded:  # it was let go of before its turn came
            loaded = await self._ready(key)
        loaded.users += 1
        try:
            credentials = await self._take_key(key, loaded)
        except BaseException:
            await self.release(key)
            raise
        assignment = msgspec.structs.replace(loaded.assignment, credentials=credentials)
        return assignment, loaded.image, loaded.opt_image

    async def _take_key(self, key: VersionKey, loaded: _Loaded) -> RoleCredentials:
        if len(loaded.keys) <= _FEW_KEYS and loaded.fetching is None:
            loaded.fetching = asyncio.create_task(self._fetch_keys(key, loaded))
        while not loaded.keys:
            fetching = loaded.fetching or asyncio.create_task(self._fetch_keys(key, loaded))
            loaded.fetching = fetching
            await asyncio.shield(fetching)
        return loaded.keys.pop()

    async def _fetch_keys(self, key: VersionKey, loaded: _Loaded) -> None:
        granted = loaded.assignment
        try:
            given = await self._control.give_credentials(key, _KEYS)
        except IngleError:
            if not loaded.keys:
                raise
            return
        finally:
            loaded.fetching = None
        if loaded.assignment is granted:
            loaded.keys += given
        elif not loaded.keys:
            raise NotGrantedError(f"control grants no credentials for {key.function}:{key.version}")

    async def _ready(self, key: VersionKey) -> _Loaded:
        loaded = self._loaded.get(key)
        if loaded is not None and loaded.assignment.expires_at_ms >= self._clock.now_ms():
            return loaded
        task = self._loading.get(key)
        if task is None:
            task = asyncio.create_task(self._load(key))
            self._loading[key] = task
            task.add_done_callback(lambda _: self._loading.pop(key, None))
        try:
            return await asyncio.shield(task)
        finally:
            del task  # an error in it names the frames that it went through: they must not name it

    async def release(self, key: VersionKey) -> None:
        loaded = self._loaded.get(_of_all_tenants(key))
        if loaded is None:
            return
        loaded.users -= 1
        loaded.used_at_ns = self._clock.monotonic_ns()
        await self._let_go()

    async def _let_go(self) -> None:
        """Detach what nobody uses: revisions that another has followed, and beyond a few those used longest ago."""
        newest = {_of_all_revisions(key): key for key in self._loaded}
        idle = [key for key, one in self._loaded.items() if one.users <= 0]
        idle.sort(key=lambda key: (newest[_of_all_revisions(key)] == key, self._loaded[key].used_at_ns))
        followed = sum(newest[_of_all_revisions(key)] != key for key in idle)
        going = [self._loaded.pop(key) for key in idle[: max(followed, len(idle) - _KEPT_IDLE)]]
        for entry in going:
            await self._detach(entry.image, entry.opt_image)

    def forget_all(self) -> None:
        """The driver has lost every image."""
        self._loaded.clear()

    async def _load(self, key: VersionKey) -> _Loaded:
        assignment = await self._control.grant(key)
        known = self._loaded.get(key)
        if known is not None:  # only the grant had run out
            known.assignment, known.keys = assignment, [assignment.credentials]
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
        used_at_ns = self._clock.monotonic_ns()
        loaded = _Loaded(assignment, image, opt_image, used_at_ns=used_at_ns, keys=[assignment.credentials])
        self._loaded[key] = loaded
        await self._let_go()
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


def _of_all_revisions(key: VersionKey) -> VersionKey:
    return msgspec.structs.replace(key, revision="")


def _of_all_tenants(key: VersionKey) -> VersionKey:
    """Return the key of the code, which all tenants of a version have in common."""
    return msgspec.structs.replace(key, tenant="") if key.tenant else key
