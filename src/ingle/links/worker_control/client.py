"""The worker's end over HTTP."""

import msgspec

from ingle.environments import Assignment, RoleCredentials, VersionKey
from ingle.links.link import LinkClient, LinkRefusedError
from ingle.links.worker_control import wire
from ingle.links.worker_control.calls import NotGrantedError
from ingle.links.worker_control.messages import CredentialsRequest, LogBatch, TemplateReport


class ControlClient(LinkClient):
    """Control; it implements `Control`, where the calls are described."""

    async def grant(self, version: VersionKey) -> Assignment:
        """Return what a version takes to run. Raises NotGrantedError."""
        return msgspec.json.decode(await self._ask_for(version, wire.GRANT, version), type=Assignment)

    async def give_credentials(self, version: VersionKey, count: int) -> list[RoleCredentials]:
        """Return credentials of a version's execution role. Raises NotGrantedError."""
        request = CredentialsRequest(version=version, count=count)
        told = await self._ask_for(version, wire.GIVE_CREDENTIALS, request)
        return msgspec.json.decode(told, type=list[RoleCredentials])

    async def _ask_for(self, version: VersionKey, target: bytes, request: msgspec.Struct) -> bytes:
        try:
            return await self._ask(target, msgspec.json.encode(request))
        except LinkRefusedError as error:
            if error.status != 404:
                raise
            raise NotGrantedError(f"control grants no {version.function}:{version.version}") from None

    async def keep_logs(self, batch: LogBatch) -> None:
        """Keep log events."""
        await self._ask(wire.KEEP_LOGS, msgspec.msgpack.encode(batch))

    async def report_template(self, report: TemplateReport) -> None:
        """Hear what came of a template."""
        await self._ask(wire.REPORT_TEMPLATE, msgspec.json.encode(report))
