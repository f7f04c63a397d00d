"""What control does for its workers: the handler of their door."""

from typing import Any

import structlog

from ingle.control.code.code_store import CodeStore, image_context
from ingle.control.identity.role_sessions import RoleSessions
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.routes.publisher import Publisher
from ingle.control.routes.snap_starts import SnapStarts
from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.functions import Function, Version
from ingle.links.worker_control import LogBatch, NotGrantedError, TemplateReport
from ingle.telemetry import LogBatchFacts
from ingle.values import Clock, FunctionArn

_log = structlog.get_logger("ingle.control")
_GRANT_MS = 10 * 60 * 1000
_CREDENTIALS_LIMIT = 64


class WorkerDesk:
    """Grants and logs; it implements the `Control` of a worker. A worker gets what one version takes to run, and only
    while that version is there.
    """

    def __init__(
        self,
        publisher: Publisher,
        code: CodeStore,
        sessions: RoleSessions,
        logs: LogStore,
        snap_starts: SnapStarts,
        clock: Clock,
    ) -> None:
        self._sessions = sessions
        self._publisher = publisher
        self._code = code
        self._logs = logs
        self._snap_starts = snap_starts
        self._clock = clock

    async def grant(self, version: VersionKey) -> Assignment:
        """Return what a version takes to run. Raises NotGrantedError."""
        return self._assign(version, *self._find(version))

    def _assign(self, key: VersionKey, function: Function, version: Version) -> Assignment:
        arn: FunctionArn = function.arn
        fields: dict[str, Any] = {
            "version": key,
            "runtime": version.runtime,
            "handler": version.handler,
            "timeout_s": version.timeout_s,
            "memory_mib": version.memory_mib,
            "ephemeral_mib": version.ephemeral_mib,
            "environment": self._code.open_variables(arn, version),
            "log_group": version.log_group or f"/aws/lambda/{function.name}",
            "log_format": version.log_format,
            "application_log_level": version.application_log_level,
            "system_log_level": version.system_log_level,
            "manifest": version.code.image_manifest,
            "opt_manifest": version.code.opt_manifest,
            "opt_data_key": self._code.opt_data_key(arn, version.code) if version.code.opt_manifest else b"",
            "extensions": list(version.code.extensions),
            "credentials": self._sessions.begin(version.role, function.name),
            "is_snap_start": version.snap_start and version.is_published,
            "has_template": function.wants_template(version),
            "is_isolated": function.is_isolated,
            "data_key": self._code.data_key(arn, version.code),
            "context": image_context(arn),
            "expires_at_ms": self._clock.now_ms() + _GRANT_MS,
        }
        return Assignment(**fields)

    def _find(self, key: VersionKey) -> tuple[Function, Version]:
        """Return what a worker may run now. Raises NotGrantedError."""
        found = self._publisher.find_served(key)
        if found is None or not (found[1].state == "Active" or found[1].awaits_template):
            raise NotGrantedError(f"{key.function}:{key.version} is not to run")
        return found

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        """Return credentials of a version's execution role. Raises NotGrantedError."""
        function, served = self._find(version)
        if not 0 < count <= _CREDENTIALS_LIMIT:
            raise NotGrantedError(f"nobody needs {count} credentials at a time")
        return [self._sessions.begin(served.role, function.name) for _ in range(count)]

    async def report_template(self, report: TemplateReport) -> None:
        """Hear what came of a template."""
        await self._snap_starts.settle(report)

    async def keep_logs(self, batch: LogBatch) -> None:
        """Keep log events."""
        now_ms = self._clock.now_ms()
        for one in batch.records:
            key = GroupKey(account=one.account, region=one.region, name=one.group)
            facts = LogBatchFacts(
                stream=one.stream, first_ms=one.first_ms, last_ms=one.last_ms, count=one.count, ingested_ms=now_ms
            )
            try:
                await self._logs.append(key, facts, one.data)
            except OSError as error:  # a full disk: these are lost, the next may find room
                _log.error("logs.not_kept", events=one.count, reason=error.strerror)
