"""Where the end of an asynchronous invocation is reported: the destinations of its function, version or alias."""

import structlog

from ingle.control.events.event_queue import Delivery, EventQueue, Onward
from ingle.functions import LATEST, EventInvokeConfig, Function
from ingle.queues import (
    RECURSION_LIMIT,
    Answered,
    Condition,
    QueuedEvent,
    extended,
    invocation_record,
    is_reported,
    visits,
)
from ingle.store import FunctionRepository
from ingle.values import (
    EVENT_LIMIT_BYTES,
    Clock,
    FunctionArn,
    InvalidFunctionNameError,
    new_request_id,
    parse_function_arn,
)

_log = structlog.get_logger("ingle.control")


def _obstacle(target: FunctionArn | None, record: bytes, condition: Condition, delivery: Delivery) -> str:
    """Return why a record can't be delivered; "" where it can."""
    if target is None:
        return "the function does not exist"
    if len(record) > EVENT_LIMIT_BYTES:
        return f"a record of {len(record)} bytes is too large"
    came = visits(delivery.trace, str(target.qualified(None)))
    if condition is Condition.RECURSION and came > RECURSION_LIMIT:
        return "the chain of invocations came through it too often"
    return ""


class Destinations:
    """Decides which event follows from the end of another, and notices chains that lead back to themselves.

    A function is the only kind of destination so far. Its event is kept in the commit that ends the first one: the
    record is delivered at least once, whatever dies in between.
    """

    def __init__(self, queue: EventQueue, functions: FunctionRepository, clock: Clock) -> None:
        self._queue = queue
        self._functions = functions
        self._clock = clock

    def are_configured(self, event: QueuedEvent) -> bool:
        """Say whether the function's answer to an event may be wanted."""
        config = self._config(event)
        return bool(config.on_success or config.on_failure)

    def recursion(self, function: Function, event: QueuedEvent, delivery: Delivery) -> Condition | None:
        """Return the end of an event whose chain has come through its function too often; None for all others."""
        if function.recursive_loop == "Allow":
            return None
        came = visits(delivery.trace, str(event.arn.qualified(None)))
        return Condition.RECURSION if came > RECURSION_LIMIT else None

    def onward(
        self, event: QueuedEvent, condition: Condition, delivery: Delivery, answered: Answered | None
    ) -> Onward | None:
        """Return the event that the destination gets; None where nobody wants to know or nobody can be told.

        What should have been told and cannot be is counted, with a line in the log (AWS: DestinationDeliveryFailures).
        """
        config = self._config(event)
        destination = config.on_success if condition is Condition.SUCCESS else config.on_failure
        if not destination or not is_reported(condition):
            return None
        record = invocation_record(event, condition, delivery.payload, answered, self._clock.now_ms())
        target = self._target(destination)
        obstacle = _obstacle(target, record, condition, delivery)
        if target is None or obstacle:
            self._queue.note_unreported()
            _log.warning(
                "event.record_lost",
                function=str(event.arn),
                request_id=event.request_id,
                destination=destination,
                reason=obstacle,
            )
            return None
        trace = extended(delivery.trace, str(target.qualified(None)))
        return Onward(arn=target, request_id=new_request_id(), delivery=Delivery(trace=trace, payload=record))

    def _config(self, event: QueuedEvent) -> EventInvokeConfig:
        arn = event.arn
        function = self._functions.find(arn.account, arn.region, arn.name)
        configs = function.event_invoke_configs if function is not None else {}
        return configs.get(arn.qualifier or LATEST, EventInvokeConfig())

    def _target(self, destination: str) -> FunctionArn | None:
        try:
            arn = parse_function_arn(destination)
        except InvalidFunctionNameError:
            return None
        function = self._functions.find(arn.account, arn.region, arn.name)
        return arn if function is not None and function.version_of(arn.qualifier) is not None else None
