"""An invocation as the programs hand it to each other: from gateway to worker, and as an event to control and back."""

import base64

import msgspec

from ingle.transport import Headers

_INVOCATION = b"x-ingle-invocation"
"""What every invocation has, in one header, because each header costs about a microsecond. `=` keeps a trace that is empty apart."""
_TENANT, _CONTEXT = b"x-amz-tenant-id", b"x-amz-client-context"
_PLAIN = b"-"
_HAS_TENANT, _HAS_CONTEXT, _WANTS_TAIL, _WANTS_STREAM = b"n", b"c", b"t", b"s"
_LINE = _INVOCATION + b": " + _PLAIN + b"%b %b %b =%b\r\n"


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """One request to run a function. What every invocation has is kept as it goes over the wire, in ASCII."""

    request_id: bytes
    arn: bytes
    """As the caller has named the function: with the qualifier, where there was one."""
    trace: bytes
    payload: bytes
    tenant: str = ""
    wants_tail: bool = False
    """Whether the caller wants the last lines of the log."""
    wants_stream: bool = False
    """Whether a streamed answer is passed on as it comes; else the caller gets it whole."""
    client_context: bytes = b""
    """A JSON object, empty where there is none."""


def render_invocation(invocation: Invocation) -> bytes:
    """Return the header lines that say all of an invocation but its payload."""
    marks, lines = b"", b""
    if invocation.tenant:
        marks += _HAS_TENANT
        lines += b"%b: %b\r\n" % (_TENANT, invocation.tenant.encode())
    if invocation.client_context:
        marks += _HAS_CONTEXT
        lines += b"%b: %b\r\n" % (_CONTEXT, base64.b64encode(invocation.client_context))
    if invocation.wants_tail:
        marks += _WANTS_TAIL
    if invocation.wants_stream:
        marks += _WANTS_STREAM
    return _LINE % (marks, invocation.request_id, invocation.arn, invocation.trace) + lines


def parse_invocation(headers: Headers, payload: bytes) -> Invocation:
    """Return the invocation of which the headers tell. Raises ValueError where they tell of none."""
    for name, value in headers:
        if name == _INVOCATION:
            marks, request_id, arn, trace = value.split(b" ", 3)
            if marks == _PLAIN:
                return Invocation(request_id=request_id, arn=arn, trace=trace[1:], payload=payload)
            told = dict(headers)
            return Invocation(
                request_id=request_id,
                arn=arn,
                trace=trace[1:],
                payload=payload,
                tenant=told[_TENANT].decode() if _HAS_TENANT in marks else "",
                wants_tail=_WANTS_TAIL in marks,
                wants_stream=_WANTS_STREAM in marks,
                client_context=base64.b64decode(told[_CONTEXT]) if _HAS_CONTEXT in marks else b"",
            )
    raise ValueError("the request is no invocation")
