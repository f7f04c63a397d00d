"""Both callees' ends over HTTP."""

import msgspec

from ingle.links.gateway_control import wire
from ingle.links.gateway_control.calls import Control, DeliveryRefusedError, Gateway, SessionEndedError
from ingle.links.gateway_control.messages import ProvisionedRequest, SigningKeyRequest
from ingle.links.invocation import Invocation, parse_invocation
from ingle.links.link import LinkDoor, read_order
from ingle.queues import EventNotKeptError, QueueFullError
from ingle.routing import RoutingChange
from ingle.transport import DisconnectedError, Exchange
from ingle.values import EVENT_LIMIT_BYTES, MIB

_CHANGE_LIMIT_BYTES = 16 * MIB


class ControlDoor(LinkDoor):
    """Gives each call of a gateway to the handler."""

    def __init__(self, token: str, handler: Control) -> None:
        self._handler = handler
        calls = {
            wire.SNAPSHOT: self._snapshot,
            wire.DERIVE_SIGNING_KEY: self._derive_signing_key,
            wire.ACCEPT_EVENT: self._accept_event,
            wire.COUNT_EVENTS: self._count_events,
            wire.COUNT_LOGS: self._count_logs,
            wire.REPORT_DISK: self._report_disk,
        }
        super().__init__(token, calls)

    async def _snapshot(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.snapshot()))

    async def _derive_signing_key(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await exchange.read(MIB), type=SigningKeyRequest)
        try:
            key = await self._handler.derive_signing_key(request)
        except SessionEndedError:
            exchange.respond(wire.SESSION_ENDED, ())
        else:
            exchange.respond(200, (), msgspec.json.encode(key))

    async def _accept_event(self, exchange: Exchange) -> None:
        event = await _read_event(exchange)
        try:
            is_accepted = await self._handler.accept_event(event)
        except QueueFullError as error:
            exchange.respond(wire.QUEUE_FULL, (), str(error).encode())
        except EventNotKeptError as error:
            exchange.respond(wire.EVENT_NOT_KEPT, (), str(error).encode())
        else:
            exchange.respond(200, (), msgspec.json.encode(is_accepted))

    async def _count_events(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.count_events()))

    async def _count_logs(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.count_logs()))

    async def _report_disk(self, exchange: Exchange) -> None:
        exchange.respond(200, (), msgspec.json.encode(await self._handler.report_disk()))


class GatewayDoor(LinkDoor):
    """Gives each call of control to the handler."""

    def __init__(self, token: str, handler: Gateway) -> None:
        self._handler = handler
        calls = {
            wire.DELIVER: self._deliver,
            wire.DELIVER_AND_KEEP: self._deliver,
            wire.APPLY: self._apply,
            wire.REFRESH: self._refresh,
            wire.PROVISIONED_LEVELS: self._provisioned_levels,
        }
        super().__init__(token, calls)

    async def _deliver(self, exchange: Exchange) -> None:
        event, keeps_answer = await _read_event(exchange), exchange.target == wire.DELIVER_AND_KEEP
        try:
            answer = await self._handler.deliver(event, keeps_answer=keeps_answer)
        except DeliveryRefusedError as error:
            exchange.respond(wire.DELIVERY_REFUSED, (), str(error).encode())
        except DisconnectedError:  # nobody knows how the event has ended
            exchange.abort()
        else:
            exchange.respond(200, (), msgspec.msgpack.encode(answer))

    async def _apply(self, exchange: Exchange) -> None:
        await self._handler.apply(msgspec.json.decode(await exchange.read(_CHANGE_LIMIT_BYTES), type=RoutingChange))
        exchange.respond(200, ())

    async def _refresh(self, exchange: Exchange) -> None:
        await self._handler.refresh()
        exchange.respond(200, ())

    async def _provisioned_levels(self, exchange: Exchange) -> None:
        request = msgspec.json.decode(await read_order(exchange), type=ProvisionedRequest)
        exchange.respond(200, (), msgspec.json.encode(await self._handler.provisioned_levels(request)))


async def _read_event(exchange: Exchange) -> Invocation:
    return parse_invocation(exchange.headers, await exchange.read(EVENT_LIMIT_BYTES))
