"""The calls of the link. They look the same from both ends: control implements them, and a worker's client does.

Every call of a worker may raise ConnectionFailedError where nothing was sent, DisconnectedError where no answer came, and
LinkRefusedError where control has failed: all of them are IngleErrors.
"""

from typing import Protocol

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.worker_control.messages import LogBatch, TemplateReport
from ingle.values import IngleError


class NotGrantedError(IngleError):
    """Control does not let this worker run that version (now)."""


class Control(Protocol):
    """Control, as a worker has it."""

    async def grant(self, version: VersionKey) -> Assignment:
        """Return what a version takes to run, for as long as it is served. Raises NotGrantedError."""
        ...

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        """Return credentials of a version's execution role, each for one environment. Raises NotGrantedError."""
        ...

    async def keep_logs(self, batch: LogBatch) -> None:
        """Keep log events; those of a full disk are lost."""
        ...

    async def report_template(self, report: TemplateReport) -> None:
        """Hear what came of a template."""
        ...
