"""Control's end over HTTP."""

import msgspec

from ingle.environments import VersionKey
from ingle.links.link import LinkDoor, read_order
from ingle.links.worker_control import wire
from ingle.links.worker_control.calls import Control, NotGrantedError
from ingle.links.worker_control.messages import CredentialsRequest, LogBatch, TemplateReport
from ingle.transport import Exchange
from ingle.values import MIB

_LOGS_LIMIT_BYTES = 64 * MIB


class ControlDoor(LinkDoor):
    """Gives each call to the handler."""

    def __init__(self, token: str, handler: Control) -> None:
        self._handler = handler
        calls = {
            wire.GRANT: self._grant,
            wire.GIVE_CREDENTIALS: self._give_credentials,
            wire.KEEP_LOGS: self._keep_logs,
            wire.REPORT_TEMPLATE: self._report_template,
        }
        super().__init__(token, calls)

    async def _grant(self, exchange: Exchange) -> None:
        version = msgspec.json.decode(await read_order(exchange), type=VersionKey)
        try:
            granted = await self._handler.grant(version)
        except NotGrantedError:
            exchange.respond(404, ())
        else:
            exchange.respond(200, (), msgspec.json.encode(granted))

    async def _give_credentials(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await read_order(exchange), type=CredentialsRequest)
        try:
            given = await self._handler.give_credentials(request.version, request.count)
        except NotGrantedError:
            exchange.respond(404, ())
        else:
            exchange.respond(200, (), msgspec.json.encode(given))

    async def _keep_logs(self, exchange: Exchange) -> None:
        await self._handler.keep_logs(msgspec.msgpack.decode(await exchange.read(_LOGS_LIMIT_BYTES), type=LogBatch))
        exchange.respond(200, ())

    async def _report_template(self, exchange: Exchange) -> None:
        await self._handler.report_template(msgspec.json.decode(await exchange.read(MIB), type=TemplateReport))
        exchange.respond(200, ())
