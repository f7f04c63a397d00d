"""Versions that become active once a worker has initialised them for SnapStart."""

import structlog

from ingle.control.routes.publisher import Publisher
from ingle.links.worker_control import TemplateReport
from ingle.store import FunctionRepository

_log = structlog.get_logger("ingle.control")


class SnapStarts:
    """Takes what workers report of templates.

    That a version awaits its template is in its route: a gateway asks the worker for it, again after either has died.
    """

    def __init__(self, functions: FunctionRepository, publisher: Publisher) -> None:
        self._functions = functions
        self._publisher = publisher

    async def settle(self, report: TemplateReport) -> None:
        """Make a version that awaits its template active, or failed; what is reported of another is old news."""
        key = report.version
        while True:
            function = self._functions.find(key.account, key.region, key.function)
            version = function.versions.get(key.version) if function is not None else None
            if (
                function is None
                or version is None
                or version.run_revision != key.revision
                or not version.awaits_template
            ):
                return
            settled = function.with_version(version.optimized(report.reason, report.error))
            await self._publisher.announce(settled)  # first, so that a caller who sees Active can invoke
            if self._functions.find(key.account, key.region, key.function) == function:
                break
        self._functions.save(settled)
        if report.error:
            _log.warning("snap_start.failed", function=key.function, version=key.version, error=report.error)
