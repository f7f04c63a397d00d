"""Asynchronous invocations: handed to control, which makes them durable and has them delivered here later."""

from ingle.links.gateway_control import Control, Invocation, LinkRefusedError
from ingle.protocol import AwsError
from ingle.queues import EventNotKeptError, QueueFullError
from ingle.values import EVENT_LIMIT_BYTES, IngleError


class Events:
    """The way to control's queue."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def accept(self, invocation: Invocation) -> bool:
        """Return True once an event is durable, False where control has no such function.

        Raises AwsError.
        """
        payload = invocation.payload
        if len(payload) > EVENT_LIMIT_BYTES:
            raise AwsError(
                "RequestEntityTooLargeException",
                f"{len(payload)} byte payload is too large for the Event invocation type (limit {EVENT_LIMIT_BYTES}"
                " bytes)",
            )
        try:
            return await self._control.accept_event(invocation)
        except (
            QueueFullError
        ) as error:  # AWS documents none of its limits; a caller is to come back, as with any throttle
            raise AwsError(
                "TooManyRequestsException",
                f"The event queue is full: {error}. Try again once some have run.",
                Reason="CallerRateLimitExceeded",
                Type="User",
            ) from None
        except (EventNotKeptError, LinkRefusedError):
            raise AwsError("ServiceException", "The event could not be stored; try again.") from None
        except IngleError:
            raise AwsError("ServiceUnavailableException", "The control plane is starting; try again.") from None
