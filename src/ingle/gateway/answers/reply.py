"""How an invocation is answered; each way to ask for one has its own."""

from typing import Protocol

from ingle.gateway.answers.relay import relay
from ingle.gateway.answers.streaming import relay_events
from ingle.links.gateway_worker import Answer
from ingle.transport import Exchange, Headers


class Reply(Protocol):
    """Where the worker's answer goes. `headers` tell the request id, the version and any error of the function's."""

    is_streaming: bool
    """Whether even an answer that is here as a whole goes through `relay`."""

    def respond(self, headers: Headers, body: bytes) -> None:
        """Answer with what is here as a whole."""
        ...

    async def relay(self, answer: Answer, headers: Headers) -> None:
        """Answer with what is still coming, and take it to its end, whether or not the caller is still there."""
        ...


class PlainReply:
    """Invoke's: the payload as it is."""

    __slots__ = ("_exchange",)
    is_streaming = False

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def respond(self, headers: Headers, body: bytes) -> None:
        self._exchange.respond(200, headers, body)

    async def relay(self, answer: Answer, headers: Headers) -> None:
        await relay(answer, self._exchange, 200, headers)


class EventReply:
    """InvokeWithResponseStream's: the payload in event-stream messages."""

    __slots__ = ("_exchange",)
    is_streaming = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def respond(self, headers: Headers, body: bytes) -> None:
        raise RuntimeError("a stream is relayed")

    async def relay(self, answer: Answer, headers: Headers) -> None:
        await relay_events(answer, self._exchange, 200, headers)
