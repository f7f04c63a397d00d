"""Queued events that control delivers: run on the path of every other invocation."""

from ingle.gateway.answers.reply import PlainReply
from ingle.gateway.doors.front_door import answer_error
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.links.invocation import parse_invocation
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
        invocation = parse_invocation(exchange.headers, await exchange.read(EVENT_LIMIT_BYTES))
        arn = parse_function_arn(invocation.arn.decode())
        try:
            await self._invoker.run_event(arn, invocation, PlainReply(exchange))
        except AwsError as error:
            self._metrics.refused(error)
            answer_error(exchange, error)
