"""What an environment is made of: a version's grant and images, its configuration, its log stream, its isolation."""

import dataclasses
import json
import os
import time
from typing import Any

import msgspec

from ingle.environments import SNAP_START, Assignment, VersionKey
from ingle.links.gateway_worker import StartEnvironment
from ingle.values import missing_runtime
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.config import RuntimeEntry
from ingle.worker.drivers import Driver, EnvironmentSpec, SpawnError
from ingle.worker.environment.environment import Newborn
from ingle.worker.host.loader import Loader
from ingle.worker.host.variables import extension_variables_for, variables_for
from ingle.worker.journal.log_shipping import LogShipper
from ingle.worker.templates.templates import Image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A version, ready to be made environments of; `Births.release` ends it."""

    assignment: Assignment
    image: int
    opt_image: int


class RuntimeMissingError(SpawnError):
    """The host has not a function's runtime; `code` is the error that a caller is told."""

    code = "InvalidRuntimeException"


class Births:
    """Makes environments in which nothing runs yet, and their identifiers."""

    def __init__(
        self,
        driver: Driver,
        loader: Loader,
        shipper: LogShipper,
        runtimes: list[RuntimeEntry],
        credentials: ContainerCredentials,
    ) -> None:
        self._driver = driver
        self._loader = loader
        self._shipper = shipper
        self._credentials = credentials
        self._number = 0
        self.runtimes = {runtime.name: runtime for runtime in runtimes}

    @property
    def makes_copies(self) -> bool:
        return self._driver.makes_copies

    def new_identifier(self) -> str:
        self._number += 1
        return f"{self._number:x}-{os.urandom(4).hex()}"

    async def acquire(self, wanted: StartEnvironment) -> Grant:
        """Get what a version takes to run. Raises IngleError."""
        assignment, image, opt_image = await self._loader.acquire(wanted.version)
        kind = SNAP_START if assignment.is_snap_start else wanted.initialization_type
        assignment = msgspec.structs.replace(assignment, version=wanted.version, initialization_type=kind)
        return Grant(assignment=assignment, image=image, opt_image=opt_image)

    async def release(self, key: VersionKey) -> None:
        await self._loader.release(key)

    async def spawn(self, grant: Grant, *, template: Image | None = None, **settings: Any) -> Newborn:
        """Make an environment, which `settings` are for beside the usual ones. Raises SpawnError."""
        assignment = grant.assignment
        key = assignment.version
        runtime = self.runtimes.get(assignment.runtime)
        if runtime is None:
            raise RuntimeMissingError(missing_runtime(assignment.runtime))
        name = _stream_name(key.version, time.time())
        variables = variables_for(assignment, name, self._credentials.token(key))
        configuration = {
            "environment": variables,
            "handler": assignment.handler,
            "runtime": assignment.runtime,
            "interpreter": runtime.interpreter,
            "extensions": assignment.extensions,
            "extension_environment": extension_variables_for(assignment, variables),
            **settings,
        }
        running = await self._driver.spawn(
            EnvironmentSpec(
                runtime=runtime.fingerprint,
                memory_mib=assignment.memory_mib,
                ephemeral_mib=assignment.ephemeral_mib,
                image=grant.image,
                opt_image=grant.opt_image,
                configuration=json.dumps(configuration).encode(),
                template=template.descriptor if template is not None else -1,
            )
        )
        stream = self._shipper.stream(key.account, key.region, assignment.log_group, name)
        return Newborn(running=running, stream=stream)


def _stream_name(version: str, now: float) -> str:
    """Return a fresh log stream's name (execution reference, section 6)."""
    day = time.strftime("%Y/%m/%d", time.gmtime(now))
    return f"{day}/[{version}]{os.urandom(16).hex()}"
