"""Which versions' code a worker keeps in memory, and when it lets go of it."""

import asyncio
from pathlib import Path
from typing import cast

import msgspec
import pytest
from quiet_control import QuietControl

from ingle.artifacts import FileChunks, seal_object
from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.worker_control import MemoryControl
from ingle.sealing import new_data_key
from ingle.worker.drivers import Driver
from ingle.worker.host.loader import Loader

CONTEXT = {"a": "b"}
ROLE = RoleCredentials(access_key_id="k", secret_access_key="s", session_token="t", expires_at_ms=1 << 60)


class Images:
    """The images that a driver holds, by number; a driver as far as a loader knows one."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self._next = 1

    async def attach(self, memory: int) -> int:
        self.held.add(self._next)
        self._next += 1
        return self._next - 1

    async def detach(self, image: int) -> None:
        self.held.remove(image)


def key(function: str, revision: int) -> VersionKey:
    return VersionKey(
        account="0" * 12, region="us-east-1", function=function, version="$LATEST", revision=str(revision)
    )


class GrantingControl(QuietControl):
    """Grants everything that is asked for."""

    def __init__(self, manifest: bytes, data_key: bytes) -> None:
        self._manifest = manifest
        self._data_key = data_key
        self._given = 0

    async def grant(self, version: VersionKey) -> Assignment:
        return Assignment(
            version=version, runtime="python3.11", handler="h", timeout_s=3, memory_mib=128, ephemeral_mib=512,
            environment={}, log_group="g", manifest=self._manifest, data_key=self._data_key, context=CONTEXT,
            expires_at_ms=1 << 60, credentials=ROLE,
        )  # fmt: skip

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        first, self._given = self._given, self._given + count
        return [msgspec.structs.replace(ROLE, access_key_id=f"k{one}") for one in range(first, self._given)]


@pytest.fixture
def images() -> Images:
    return Images()


@pytest.fixture
async def loader(tmp_path: Path, images: Images) -> Loader:
    """A loader whose control grants everything."""
    data_key, chunks = new_data_key(), FileChunks(tmp_path / "chunks")
    manifest = seal_object([b"image"], data_key, CONTEXT, chunks).encode()
    control = GrantingControl(manifest, data_key.secret)
    return Loader(MemoryControl(control), tmp_path / "chunks", cast(Driver, images))


async def test_a_revision_that_another_has_followed_goes_with_its_last_environment(
    loader: Loader, images: Images
) -> None:
    _, first, _ = await loader.acquire(key("f", 1))
    _, second, _ = await loader.acquire(key("f", 2))
    assert images.held == {first, second}
    await loader.release(key("f", 1))
    assert images.held == {second}
    await loader.release(key("f", 2))
    assert images.held == {second}  # its next environment may be asked for soon
    _, third, _ = await loader.acquire(key("f", 3))
    assert images.held == {third}


async def test_of_idle_versions_those_used_last_are_kept(loader: Loader, images: Images) -> None:
    numbers = []
    for number in range(40):
        numbers.append((await loader.acquire(key(f"f{number}", 1)))[1])
        await loader.release(key(f"f{number}", 1))
    assert images.held == set(numbers[-32:])


async def test_each_environment_has_credentials_of_its_own(loader: Loader) -> None:
    acquired = await asyncio.gather(*(loader.acquire(key("f", 1)) for _ in range(40)))
    assert len({assignment.credentials.access_key_id for assignment, _, _ in acquired}) == 40
