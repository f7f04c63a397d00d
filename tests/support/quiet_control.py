"""Control's end of its link with a worker, to be filled by a test."""

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.worker_control import LogBatch, NotGrantedError, TemplateReport


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
