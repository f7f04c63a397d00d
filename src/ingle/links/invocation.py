"""An invocation as the programs hand it to each other: from gateway to worker, and as an event to control and back."""

import base64

import msgspec

from ingle.transport import Headers

_REQUEST_ID = b"x-ingle-request-id"
_ARN = b"x-ingle-arn"
_TRACE = b"x-amzn-trace-id"
_TENANT = b"x-amz-tenant-id"
_CONTEXT = b"x-amz-client-context"
_TAIL = (b"x-ingle-tail", b"1")
_STREAM = (b"x-ingle-stream", b"1")


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


def render_invocation(invocation: Invocation) -> list[tuple[bytes, bytes]]:
    """Return the headers that say all of an invocation but its payload."""
    headers = [(_REQUEST_ID, invocation.request_id), (_ARN, invocation.arn), (_TRACE, invocation.trace)]
    if invocation.tenant:
        headers.append((_TENANT, invocation.tenant.encode()))
    if invocation.wants_tail:
        headers.append(_TAIL)
    if invocation.wants_stream:
        headers.append(_STREAM)
    if invocation.client_context:
        headers.append((_CONTEXT, base64.b64encode(invocation.client_context)))
    return headers


def parse_invocation(headers: Headers, payload: bytes) -> Invocation:
    """Return the invocation of which the headers tell."""
    told = dict(headers)
    tenant, context = told.get(_TENANT), told.get(_CONTEXT)
    return Invocation(
        request_id=told[_REQUEST_ID],
        arn=told[_ARN],
        trace=told[_TRACE],
        payload=payload,
        tenant=tenant.decode() if tenant else "",
        wants_tail=_TAIL[0] in told,
        wants_stream=_STREAM[0] in told,
        client_context=base64.b64decode(context) if context else b"",
    )
