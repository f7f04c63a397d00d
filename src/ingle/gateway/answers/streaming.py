"""InvokeWithResponseStream: the answer as events, written as the function writes it.

Each piece that the worker passes on is a PayloadChunk. InvokeComplete ends them and tells of the log's tail and of any
error: the status is 200 whatever happens once the function has begun to answer.
"""

import contextlib

import msgspec

from ingle.links.gateway_worker import Answer
from ingle.protocol import event_stream
from ingle.transport import DisconnectedError, Exchange, Headers
from ingle.values import RESPONSE_LIMIT_BYTES

PREFIX = b"/2021-11-15/functions/"
SUFFIX = b"/response-streaming-invocations"
_CHUNK = event_stream.event_head(b"PayloadChunk", b"application/octet-stream")
_COMPLETE = event_stream.event_head(b"InvokeComplete", b"application/json")
_TOLD_AT_THE_END = (b"content-type", b"x-amz-function-error", b"x-amz-log-result")


class _Ending(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The members of InvokeWithResponseStreamCompleteEvent."""

    error_code: str = msgspec.field(name="ErrorCode", default="")
    error_details: str = msgspec.field(name="ErrorDetails", default="")
    log_result: str = msgspec.field(name="LogResult", default="")


async def relay_events(answer: Answer, exchange: Exchange, status: int, headers: Headers) -> None:
    """Stream a worker's answer to a client as events; what comes when the client has gone is read and dropped."""
    kept = [pair for pair in headers if pair[0] not in _TOLD_AT_THE_END]
    exchange.start(status, [*kept, (b"content-type", event_stream.CONTENT_TYPE)])
    try:
        ending = await _relay_chunks(answer, exchange)
    except DisconnectedError:
        ending = _Ending(error_code="Sandbox.Failure", error_details="The worker was lost while the function ran.")
    finally:
        answer.close()
    await _write(exchange, event_stream.render_event(_COMPLETE, msgspec.json.encode(ending)))
    exchange.finish()


async def _relay_chunks(answer: Answer, exchange: Exchange) -> _Ending:
    """Pass the payload on and return how it ended; an answer that is an error as a whole has no payload."""
    error = answer.function_error
    if error:
        details = await answer.read(RESPONSE_LIMIT_BYTES)
        return _Ending(error_code=error.decode(), error_details=_text(details), log_result=answer.log_result.decode())
    async for piece in answer.chunks():
        await _write(exchange, event_stream.render_event(_CHUNK, piece))
    ending = answer.ending
    return _Ending(
        error_code=ending.error_code.decode(),
        error_details=_text(ending.error_details),
        log_result=ending.log_result.decode(),
    )


async def _write(exchange: Exchange, data: bytes) -> None:
    with contextlib.suppress(DisconnectedError):
        if not exchange.is_disconnected:
            await exchange.write(data)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
