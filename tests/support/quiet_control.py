"""Control's ends of its links with a worker and with a gateway, to be filled by a test."""

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.gateway_control import Invocation, SigningKey, SigningKeyRequest
from ingle.links.worker_control import LogBatch, NotGrantedError, TemplateReport
from ingle.queues import QueueStatistics
from ingle.routing import RoutingSnapshot
from ingle.telemetry import DiskReport, LogStatistics


class QuietControl:
    """The `Control` of a worker; it grants nothing and forgets what it hears."""

    async def grant(self, version: VersionKey) -> Assignment:
        raise NotGrantedError("nothing is granted")

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        raise NotGrantedError("nothing is granted")

    async def keep_logs(self, batch: LogBatch) -> None:
        return None

    async def report_template(self, report: TemplateReport) -> None:
        return None


class QuietControlPlane:
    """The `Control` of a gateway; it knows no function and nobody's credentials, and keeps no event."""

    async def snapshot(self) -> RoutingSnapshot:
        return RoutingSnapshot(generation=0, functions=[])

    async def derive_signing_key(self, request: SigningKeyRequest) -> SigningKey | None:
        return None

    async def accept_event(self, event: Invocation) -> bool:
        return False

    async def count_events(self) -> QueueStatistics:
        return QueueStatistics(depth=0, oldest_ms=None)

    async def count_logs(self) -> LogStatistics:
        return LogStatistics(groups=0, stored_bytes=0, damaged=0)

    async def report_disk(self) -> DiskReport:
        return DiskReport(place="nowhere", free_bytes=1, total_bytes=2)
