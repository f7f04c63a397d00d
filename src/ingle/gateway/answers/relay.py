"""Answers that are too large to be whole: passed on piece by piece, held up by the slower side."""

import contextlib
from collections.abc import AsyncIterator
from typing import Protocol

from ingle.transport import DisconnectedError, Exchange, Headers


class Pieces(Protocol):
    """What comes piece by piece: a worker's answer, or control's."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the pieces; raises DisconnectedError if they break off."""
        ...

    def close(self) -> None:
        """Want no more."""
        ...


async def relay(answer: Pieces, exchange: Exchange, status: int, headers: Headers) -> None:
    """Stream an answer to a client; what comes when the client has gone is read and dropped.

    An answer that breaks off cuts the client's connection: nothing else tells it that something is missing.
    """
    exchange.start(status, headers)
    try:
        async for piece in answer.chunks():
            with contextlib.suppress(DisconnectedError):
                if not exchange.is_disconnected:
                    await exchange.write(piece)
        exchange.finish()
    except DisconnectedError:
        exchange.abort()
    finally:
        answer.close()
