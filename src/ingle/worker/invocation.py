"""One invocation as the worker sees it."""

import base64
import time

from ingle.transport import Exchange

JSON = (b"content-type", b"application/json")


class Invocation:
    """An event on its way to the runtime, and the gateway's exchange that waits for the answer."""

    __slots__ = (
        "arn",
        "client_context",
        "exchange",
        "is_started",
        "payload",
        "produced_bytes",
        "request_id",
        "started_ns",
        "trace_id",
        "wants_stream",
        "wants_tail",
    )

    def __init__(self, exchange: Exchange, payload: bytes) -> None:
        self.exchange = exchange
        self.payload = payload
        self.request_id = exchange.header(b"x-ingle-request-id") or b""
        self.arn = exchange.header(b"x-ingle-arn") or b""
        self.client_context = exchange.header(b"x-amz-client-context")
        self.trace_id = exchange.header(b"x-amzn-trace-id") or b""
        self.wants_tail = exchange.header(b"x-ingle-tail") is not None
        self.wants_stream = exchange.header(b"x-ingle-stream") is not None
        """Whether a streamed answer is passed on as it comes; else it is told whole."""
        self.started_ns = time.monotonic_ns()
        self.produced_bytes = 0
        """How much of an answer the runtime has given."""
        self.is_started = False
        """Whether the runtime has begun a streamed answer: no other answer is taken."""

    def begin_duration(self) -> None:
        """The runtime has the event: what follows is the duration that is reported."""
        self.started_ns = time.monotonic_ns()

    def event_headers(self, timeout_s: int, tenant: str) -> list[tuple[bytes, bytes]]:
        """Return the headers with which the Runtime API delivers the event."""
        headers = [
            JSON,
            (b"lambda-runtime-aws-request-id", self.request_id),
            (b"lambda-runtime-deadline-ms", b"%d" % (time.time_ns() // 1_000_000 + timeout_s * 1000)),
            (b"lambda-runtime-invoked-function-arn", self.arn),
            (b"lambda-runtime-trace-id", self.trace_id),
        ]
        if self.client_context is not None:
            headers.append((b"lambda-runtime-client-context", base64.b64decode(self.client_context)))
        if tenant:
            headers.append((b"lambda-runtime-aws-tenant-id", tenant.encode()))
        return headers

    @property
    def duration_ms(self) -> float:
        return (time.monotonic_ns() - self.started_ns) / 1e6
