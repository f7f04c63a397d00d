"""Asynchronous invocations: handed to control, which makes them durable and has them delivered here later."""

from ingle.links.invocation import Invocation, render_invocation
from ingle.protocol import AwsError
from ingle.transport import HttpClient
from ingle.values import EVENT_LIMIT_BYTES, IngleError


class Events:
    """The way to control's queue."""

    def __init__(self, control: HttpClient) -> None:
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
            answer = await self._control.request(b"POST", b"/events", render_invocation(invocation), payload)
            told = await answer.read(1024)
        except IngleError:
            raise AwsError("ServiceUnavailableException", "The control plane is starting; try again.") from None
        if answer.status == 429:  # AWS documents none of its limits; a caller is to come back, as with any throttle
            raise AwsError(
                "TooManyRequestsException",
                f"The event queue is full: {told.decode()}. Try again once some have run.",
                Reason="CallerRateLimitExceeded",
                Type="User",
            )
        if answer.status not in (202, 404):
            raise AwsError("ServiceException", "The event could not be stored; try again.")
        return answer.status == 202
