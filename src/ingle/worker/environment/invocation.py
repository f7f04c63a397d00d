"""One invocation as the worker sees it."""

import time
from typing import Any

import msgspec

from ingle.links.gateway_worker import Caller, Invocation
from ingle.worker.apis.extensions import INVOKE
from ingle.worker.journal.platform_events import SUCCESS, Outcome, Span

JSON = (b"content-type", b"application/json")


class ServedInvocation:
    """An invocation on its way to the runtime and back, and the caller who waits for the answer."""

    __slots__ = (
        "answer_began_ns",
        "answered_ns",
        "arrived_ns",
        "asked",
        "caller",
        "held",
        "is_started",
        "is_told",
        "outcome",
        "produced_bytes",
        "request_id",
        "runtime_done_ns",
        "started_ns",
    )

    def __init__(self, asked: Invocation, caller: Caller) -> None:
        self.asked = asked
        self.caller = caller
        self.request_id = asked.request_id
        self.arrived_ns = self.started_ns = time.monotonic_ns()
        self.answer_began_ns = self.answered_ns = self.runtime_done_ns = 0
        self.outcome = SUCCESS
        self.held: bytes | None = None
        """The answer, until the gateway gets it."""
        self.produced_bytes = 0
        """How much of an answer the runtime has given."""
        self.is_told = False
        """Whether its START is written."""
        self.is_started = False
        """Whether the runtime has begun a streamed answer: no other answer is taken."""

    @property
    def trace_id(self) -> str:
        """The trace header's value."""
        return self.asked.trace.decode("latin-1")

    def begin_duration(self) -> None:
        """The runtime has the event: what follows is the duration that is reported."""
        self.started_ns = time.monotonic_ns()

    def begin_answer(self) -> None:
        """The runtime has begun to answer."""
        self.answer_began_ns = self.answer_began_ns or time.monotonic_ns()

    def end_answer(self, outcome: Outcome) -> None:
        """The answer is whole; runtime and extensions may go on."""
        self.begin_answer()
        self.answered_ns = time.monotonic_ns()
        self.outcome = outcome

    @property
    def is_answered(self) -> bool:
        return self.answered_ns > 0

    def deadline_ms(self, timeout_s: int) -> int:
        """Return when its time is over, which runs since it came: an init that it begins with takes of it, too."""
        return (time.time_ns() - time.monotonic_ns() + self.arrived_ns) // 1_000_000 + timeout_s * 1000

    def event_headers(self, timeout_s: int, tenant: str) -> list[tuple[bytes, bytes]]:
        """Return the headers with which the Runtime API delivers the event."""
        headers = [
            JSON,
            (b"lambda-runtime-aws-request-id", self.request_id),
            (b"lambda-runtime-deadline-ms", b"%d" % self.deadline_ms(timeout_s)),
            (b"lambda-runtime-invoked-function-arn", self.asked.arn),
            (b"lambda-runtime-trace-id", self.asked.trace),
        ]
        if self.asked.client_context:
            headers.append((b"lambda-runtime-client-context", self.asked.client_context))
        if tenant:
            headers.append((b"lambda-runtime-aws-tenant-id", tenant.encode()))
        return headers

    def event_for_extensions(self, timeout_s: int) -> bytes:
        """Return the INVOKE event of the Extensions API."""
        event: dict[str, Any] = {
            "eventType": INVOKE,
            "deadlineMs": self.deadline_ms(timeout_s),
            "requestId": self.request_id.decode(),
            "invokedFunctionArn": self.asked.arn.decode(),
        }
        if self.asked.trace:
            event["tracing"] = {"type": "X-Amzn-Trace-Id", "value": self.trace_id}
        return msgspec.json.encode(event)

    def spans_of_runtime(self) -> list[Span]:
        """Return the parts of the runtime's time, which is over (Telemetry API, "Span")."""
        return [
            _span("responseLatency", self.started_ns, self.answer_began_ns),
            _span("responseDuration", self.answer_began_ns, self.answered_ns),
            _span("runtimeOverhead", self.answered_ns, self.runtime_done_ns),
        ]

    def spans_of_extensions(self) -> list[Span]:
        """Return what extensions have taken behind the runtime, up to now."""
        return [_span("extensionOverhead", self.runtime_done_ns, time.monotonic_ns())]

    @property
    def duration_ms(self) -> float:
        return (time.monotonic_ns() - self.started_ns) / 1e6


def _span(name: str, began_ns: int, ended_ns: int) -> Span:
    ago_ms = (time.monotonic_ns() - began_ns) / 1e6
    return Span(name, time.time_ns() / 1e6 - ago_ms, (ended_ns - began_ns) / 1e6)
