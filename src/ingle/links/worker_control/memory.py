"""The link without a wire."""

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.memory import MemoryLink
from ingle.links.worker_control.calls import Control, NotGrantedError
from ingle.links.worker_control.messages import LogBatch, TemplateReport


class MemoryControl(MemoryLink):
    """Control in the same process; it implements `Control`, where the calls are described."""

    def __init__(self, handler: Control) -> None:
        super().__init__(NotGrantedError)
        self._handler = handler

    async def grant(self, version: VersionKey) -> Assignment:
        """Return what a version takes to run. Raises NotGrantedError."""
        return await self._order(self._handler.grant(version))

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        """Return credentials of a version's execution role. Raises NotGrantedError."""
        return await self._order(self._handler.give_credentials(version, count))

    async def keep_logs(self, batch: LogBatch) -> None:
        """Keep log events."""
        await self._order(self._handler.keep_logs(batch))

    async def report_template(self, report: TemplateReport) -> None:
        """Hear what came of a template."""
        await self._order(self._handler.report_template(report))
