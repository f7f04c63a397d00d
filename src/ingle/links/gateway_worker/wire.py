"""How the link looks on the wire: targets, and the headers and trailers of an answer."""

import base64

from ingle.links.gateway_worker.messages import IDLE, Ending, Fate
from ingle.transport import Headers

INVOKE = b"/invoke/"
"""Followed by the environment's id."""
START, SETTLE, END, RESET, PREPARE = b"/start", b"/settle", b"/end", b"/reset", b"/prepare"
WANT_TEMPLATE, FORGET_TEMPLATE = b"/templates/want", b"/templates/forget"
REPORT_ENVIRONMENTS, REPORT_POOLS, IS_READY, CHANGES = b"/reports", b"/pool-levels", b"/is-ready", b"/changes"

CONTENT_TYPE, FUNCTION_ERROR, LOG_RESULT = b"content-type", b"x-amz-function-error", b"x-amz-log-result"
FATE, _ERROR_CODE, _ERROR_DETAILS = b"x-ingle-environment", b"x-ingle-error-code", b"x-ingle-error-details"
FATES = {fate.value: fate for fate in Fate}
_JSON = ((CONTENT_TYPE, b"application/json"),)
_FAILED = (FUNCTION_ERROR, b"Unhandled")
_FATE_LINES = {fate: ((FATE, fate.value),) if fate.value else () for fate in Fate}


def render_answer(fate: Fate, *, has_failed: bool, log_result: bytes) -> Headers:
    """Return the headers of a whole answer."""
    if fate is IDLE and not has_failed and not log_result:
        return _JSON
    error = (_FAILED,) if has_failed else ()
    log = ((LOG_RESULT, log_result),) if log_result else ()
    return (*_JSON, *error, *_FATE_LINES[fate], *log)


def render_ending(ending: Ending) -> Headers:
    """Return the trailers of a stream: a header that came before its first byte could not tell how it ended."""
    trailers = [*_FATE_LINES[ending.fate]]
    if ending.log_result:
        trailers.append((LOG_RESULT, ending.log_result))
    if ending.error_code:
        trailers.append((_ERROR_CODE, ending.error_code))
        trailers.append((_ERROR_DETAILS, base64.b64encode(ending.error_details)))
    return trailers


def parse_ending(trailers: Headers, fate: Fate, log_result: bytes) -> Ending:
    """Return what the trailers tell; of a whole answer, which has none, what its headers told."""
    told = dict(trailers)
    return Ending(
        fate=FATES[told[FATE]] if FATE in told else fate,
        error_code=told.get(_ERROR_CODE, b""),
        error_details=base64.b64decode(told.get(_ERROR_DETAILS, b"")),
        log_result=told.get(LOG_RESULT, log_result),
    )
