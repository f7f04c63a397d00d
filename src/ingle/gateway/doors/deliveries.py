"""Queued events that control delivers: run on the path of every other invocation."""

from ingle.gateway.answers.reply import PlainReply
from ingle.gateway.doors.front_door import answer_error
from ingle.gateway.invocations.invoke import TENANT, Invoker
from ingle.gateway.metrics import Metrics
from ingle.protocol import AwsError
from ingle.transport import Exchange
from ingle.values import EVENT_LIMIT_BYTES, parse_function_arn

TARGET = b"/deliveries"


class Deliveries:
    """The handler; an error tells control to try again later."""

    def __init__(self, invoker: Invoker, metrics: Metrics) -> None:
        self._invoker = invoker
        self._metrics = metrics

    async def run(self, exchange: Exchange) -> None:
        """Answer one delivery."""
        payload = await exchange.read(EVENT_LIMIT_BYTES)
        told = dict(exchange.headers)
        names = (b"x-ingle-request-id", b"x-ingle-arn", b"x-amzn-trace-id", TENANT)
        headers = [(name, told[name]) for name in names if name in told]
        arn = parse_function_arn(told[b"x-ingle-arn"].decode())
        try:
            await self._invoker.run_event(arn, headers, payload, PlainReply(exchange))
        except AwsError as error:
            self._metrics.refused(error)
            answer_error(exchange, error)
