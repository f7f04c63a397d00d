"""A runtime's streamed answer (Lambda developer guide, "Response streaming"; execution reference, "Streaming").

A caller that asked for a stream gets each piece as it comes, and how it ended in the trailers of the worker's answer: once
bytes have flowed nothing else can tell of an error. Any other caller gets the answer whole, as if it had been buffered.
"""

import base64
import binascii
import contextlib
from collections.abc import Callable

from ingle.links.gateway_worker import Ending, Fate
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.values import RESPONSE_LIMIT_BYTES, STREAM_LIMIT_BYTES
from ingle.worker.apis import error_payloads
from ingle.worker.environment.invocation import ServedInvocation
from ingle.worker.journal.platform_events import TIMEOUT, Outcome

EXIT_GRACE_S = 0.1
"""How long a stream that broke off waits for the exit of its runtime, which says more than the broken stream."""

_ERROR_TYPE = b"lambda-runtime-function-error-type"
_ERROR_BODY = b"lambda-runtime-function-error-body"
_CODES = {
    "Runtime.ExitError": b"Runtime.TruncatedResponse",
    "Runtime.TruncatedResponse": b"Runtime.TruncatedResponse",
    "Function.ResponseSizeTooLarge": b"Function.ResponseSizeTooLarge",
}


async def take_stream(exchange: Exchange, invocation: ServedInvocation, is_current: Callable[[], bool]) -> bytes:
    """Pass an answer on as it comes, each side waiting for the other; return it instead where the caller wants it whole.

    What comes once `is_current` is false is nobody's answer and dropped; what comes when the caller is gone is taken
    and dropped, because the function goes on. Raises BodyTooLargeError, or DisconnectedError where it breaks off.
    """
    if not invocation.asked.wants_stream:
        body = await exchange.read(RESPONSE_LIMIT_BYTES)
        invocation.produced_bytes = len(body)
        return body
    caller = invocation.caller
    caller.begin(exchange.header(b"content-type") or b"application/octet-stream")
    sent = 0
    async for piece in exchange.chunks():
        sent += len(piece)
        invocation.produced_bytes = sent
        if not is_current():
            break
        if sent > STREAM_LIMIT_BYTES:
            raise BodyTooLargeError(f"the stream is larger than {STREAM_LIMIT_BYTES} bytes")
        with contextlib.suppress(DisconnectedError):
            if not caller.is_gone:
                await caller.write(piece)
    return b""


def trailer_error(exchange: Exchange) -> tuple[bytes, str] | None:
    """Return body and type of the error that a stream's trailers tell of, or None; the body is base64 of JSON."""
    trailers = dict(exchange.trailers)
    if _ERROR_TYPE not in trailers and _ERROR_BODY not in trailers:
        return None
    given = trailers.get(_ERROR_TYPE, b"")
    try:
        body = base64.b64decode(trailers.get(_ERROR_BODY, b""), validate=True)
    except binascii.Error:
        body = b""
    message = "The function failed within its streamed answer"
    return body or error_payloads.render_payload(given.decode("latin-1"), message), error_payloads.fit_type(given)


def end_of_stream(outcome: Outcome, body: bytes, fate: Fate, log_result: bytes) -> Ending:
    """Return what the gateway is told of how a stream ended; `body` would have been the answer had no byte flowed."""
    if not outcome.is_failure:
        return Ending(fate=fate, log_result=log_result)
    code = b"Sandbox.Timedout" if outcome == TIMEOUT else _CODES.get(outcome.error_type, b"Unhandled")
    return Ending(fate=fate, error_code=code, error_details=body, log_result=log_result)
