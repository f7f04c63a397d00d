"""Queued events that control delivers: run on the path of every other invocation."""

from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.links.gateway_control import DeliveryAnswer, DeliveryRefusedError
from ingle.links.gateway_worker import Answer, Invocation
from ingle.protocol import AwsError
from ingle.transport import Headers
from ingle.values import EVENT_LIMIT_BYTES, parse_function_arn


class _EventReply:
    """Keeps an answer, where control wants it; of a larger one than an event may be, only what tells that it is."""

    __slots__ = ("_keeps", "answer")
    is_streaming = False

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self.answer: DeliveryAnswer | None = None

    def respond(self, headers: Headers, body: bytes) -> None:
        """Keep what is here as a whole."""
        told = dict(headers)
        self.answer = DeliveryAnswer(
            executed_version=told.get(b"x-amz-executed-version", b"").decode(),
            function_error=told.get(b"x-amz-function-error", b"").decode(),
            payload=body[: EVENT_LIMIT_BYTES + 1] if self._keeps else b"",
        )

    async def relay(self, answer: Answer, headers: Headers) -> None:
        """Take the answer to its end. Raises DisconnectedError where it breaks off."""
        body = bytearray()
        try:
            async for piece in answer.chunks():
                if self._keeps and len(body) <= EVENT_LIMIT_BYTES:
                    body += piece
        finally:
            answer.close()
        self.respond(headers, bytes(body))


class Deliveries:
    """Runs events; an error tells control to try again later."""

    def __init__(self, invoker: Invoker, metrics: Metrics) -> None:
        self._invoker = invoker
        self._metrics = metrics

    async def run(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        """Run one event. Raises DeliveryRefusedError."""
        reply = _EventReply(keeps=keeps_answer)
        try:
            await self._invoker.run_event(parse_function_arn(event.arn.decode()), event, reply)
        except AwsError as error:
            self._metrics.refused(error)
            raise DeliveryRefusedError(str(error)) from None
        if reply.answer is None:
            raise RuntimeError("an event has run without an answer")
        return reply.answer
