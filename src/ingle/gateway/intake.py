"""Payloads on their way in: what all of them together may hold of this machine's memory.

A payload is taken whole, and until then its sender may take its time; a function URL that is open to everybody asks nobody
who they are. What came with its request's head in one piece waits for nobody and isn't counted.
"""

from ingle.protocol import AwsError
from ingle.transport import Exchange
from ingle.values import MIB, PAYLOAD_LIMIT_BYTES

LIMIT_BYTES = 512 * MIB


class Intake:
    """Reads payloads, as long as there is room for them."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    async def read(self, exchange: Exchange) -> bytes:
        """Return the payload: a signature covers it as a whole, so nothing can begin before all of it is here.

        Raises AwsError where it is too large, or where too much is on its way.
        """
        body = exchange.body_nowait
        if body is not None and len(body) <= PAYLOAD_LIMIT_BYTES:
            return body
        return await self._gather(exchange)

    async def _gather(self, exchange: Exchange) -> bytes:
        pieces: list[bytes] = []
        held_bytes = 0
        try:
            async for piece in exchange.chunks():
                pieces.append(piece)
                held_bytes += len(piece)
                self._held_bytes += len(piece)
                if held_bytes > PAYLOAD_LIMIT_BYTES:
                    raise request_too_large()
                if self._held_bytes > self._limit_bytes:
                    raise AwsError("ServiceUnavailableException", "Too many payloads are on their way; try again.")
            return b"".join(pieces)
        finally:
            self._held_bytes -= held_bytes


def request_too_large() -> AwsError:
    """Return the error of a payload above the limit."""
    return AwsError(
        "RequestTooLargeException",
        f"Request must be smaller than {PAYLOAD_LIMIT_BYTES} bytes for the InvokeFunction operation",
    )
