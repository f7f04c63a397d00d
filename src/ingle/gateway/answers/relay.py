"""Answers that are too large to be whole: passed on piece by piece, held up by the slower side."""

import contextlib

from ingle.transport import ClientResponse, DisconnectedError, Exchange, Headers


async def relay(answer: ClientResponse, exchange: Exchange, status: int, headers: Headers) -> None:
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
