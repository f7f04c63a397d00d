"""How an environment's own APIs answer their callers, which are customer code."""

import asyncio

import msgspec

from ingle.transport import Exchange, Headers

JSON_HEADERS = ((b"content-type", b"application/json"),)
OK = b'{"status":"OK"}\n'
_IDLE_TALK_S = 0.005


def refuse(exchange: Exchange, status: int, error_type: str, message: str) -> None:
    """Answer a caller's mistake, in a while."""
    body = msgspec.json.encode({"errorMessage": message, "errorType": error_type})
    answer_later(exchange, status, JSON_HEADERS, body)


def answer_later(exchange: Exchange, status: int, headers: Headers, body: bytes) -> None:
    """Answer what serves no invocation so late that no number of such requests takes the worker's time from others.

    A connection carries one exchange at a time and an environment has few of them.
    """
    asyncio.get_running_loop().call_later(_IDLE_TALK_S, exchange.respond, status, headers, body)


def refuse_size(exchange: Exchange, limit_bytes: int) -> None:
    """Answer a body that is larger than `limit_bytes`."""
    message = f"Exceeded maximum allowed payload size ({limit_bytes} bytes)."
    refuse(exchange, 413, "RequestEntityTooLarge", message)
