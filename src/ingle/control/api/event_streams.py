"""Answers that are streams of events, as the JSON 1.1 protocol has them: an initial response, then what comes."""

import contextlib
from collections.abc import AsyncGenerator

import msgspec

from ingle.control.api.request import StreamedEvent
from ingle.protocol import Operation, ServiceModel, event_stream, to_json
from ingle.transport import Exchange

_JSON = b"application/json"
_INITIAL = event_stream.event_head(b"initial-response", b"application/x-amz-json-1.1")


class EventStream:
    """Events that have not been sent yet; each is a member of the shape that the operation's output streams."""

    def __init__(self, model: ServiceModel, operation: Operation, events: AsyncGenerator[StreamedEvent, None]) -> None:
        self._model = model
        self._shapes = _streamed_members(model, operation)
        self._events = events

    async def send(self, exchange: Exchange, request_id: tuple[bytes, bytes]) -> None:
        """Send the events as they come. Raises DisconnectedError where the client goes away."""
        exchange.start(200, [(b"content-type", event_stream.CONTENT_TYPE), request_id])
        first = event_stream.render_event(_INITIAL, b"{}")
        async with contextlib.aclosing(self._events) as events:
            async for event in events:
                await exchange.write(first + self._render(event))
                first = b""
        exchange.finish()

    def _render(self, event: StreamedEvent) -> bytes:
        head = event_stream.error_head if event.is_error else event_stream.event_head
        shape = self._model.shapes[self._shapes[event.name]]
        members = event.members if event.is_error else to_json(self._model, shape, event.members)
        return event_stream.render_event(head(event.name.encode(), _JSON), msgspec.json.encode(members))


def _streamed_members(model: ServiceModel, operation: Operation) -> dict[str, str]:
    """Return the shape of each event that an operation's output streams."""
    output = model.shapes[operation.output or ""]
    streams = [model.shapes[member["shape"]] for member in output["members"].values()]
    stream = next(shape for shape in streams if shape.get("eventstream"))
    return {name: member["shape"] for name, member in stream["members"].items()}
