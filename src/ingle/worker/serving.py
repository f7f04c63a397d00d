"""What an environment serves: one invocation, from its event to its report."""

import asyncio
import base64
from typing import Protocol

from ingle.environments import Assignment
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange, Headers
from ingle.values import RESPONSE_LIMIT_BYTES, STREAM_LIMIT_BYTES
from ingle.worker import error_payloads
from ingle.worker.invocation import JSON, Invocation
from ingle.worker.journal import Journal
from ingle.worker.log_capture import LogCapture
from ingle.worker.platform_events import SUCCESS, TIMEOUT, Outcome, Report, RuntimeDone, Start, failed
from ingle.worker.runtime_api import refuse_size
from ingle.worker.streaming import EXIT_GRACE_S, end_of_stream, take_stream, trailer_error

_UNHANDLED = (b"x-amz-function-error", b"Unhandled")
_GONE = (b"x-ingle-environment", b"gone")


class Host(Protocol):
    """What serving an invocation asks of its environment."""

    @property
    def assignment(self) -> Assignment: ...

    @property
    def is_replaced(self) -> bool:
        """Whether it ends instead of a reset, and another takes its place."""
        ...

    def take_init_ms(self) -> float | None:
        """Return how long init took, to the first that asks."""
        ...

    def peak_memory_bytes(self) -> int:
        """Return the most memory the environment has used so far."""
        ...

    def served(self) -> None:
        """The invocation has ended: be idle, unless that is over too."""
        ...

    def reset(self) -> None:
        """The invocation has been broken off: lose what is in memory."""
        ...

    def retire(self) -> None:
        """Serve no more."""
        ...


class Serving:
    """The invocation that an environment serves, or none; its exchange is answered whatever happens."""

    def __init__(self, host: Host, capture: LogCapture, journal: Journal) -> None:
        self.invocation: Invocation | None = None
        self.is_delivered = False
        """Whether the runtime has the event and has not answered it yet."""
        self._host = host
        self._capture = capture
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, invocation: Invocation) -> None:
        """An invocation has come: from now on it takes its time."""
        self.invocation = invocation
        if invocation.wants_tail:
            self._journal.begin_tail()
        assignment = self._host.assignment
        self._journal.tell(
            Start(
                request_id=invocation.request_id.decode(),
                version=assignment.version.version,
                trace_id=invocation.trace_id.decode("latin-1"),
                tenant=assignment.version.tenant,
            )
        )
        self._timer = self._loop.call_later(assignment.timeout_s, self._timed_out)

    def deliver(self, exchange: Exchange) -> None:
        """Give the event to the runtime, which waits for it on `exchange`."""
        invocation = self.invocation
        assert invocation is not None
        self.is_delivered = True
        invocation.begin_duration()
        assignment = self._host.assignment
        headers = invocation.event_headers(assignment.timeout_s, assignment.version.tenant)
        exchange.respond(200, headers, invocation.payload)

    # what the runtime answers

    @property
    def request_id(self) -> bytes | None:
        if self.invocation is None or not self.is_delivered or self.invocation.is_started:
            return None
        return self.invocation.request_id

    def succeeded(self, body: bytes) -> None:
        self._note_size(body)
        self._finish(SUCCESS, (JSON,), body)

    def failed(self, body: bytes, error_type: str) -> None:
        self._note_size(body)
        self._finish(failed(error_type), (JSON, _UNHANDLED), body)

    def _note_size(self, body: bytes) -> None:
        if self.invocation is not None and not self.invocation.is_started:
            self.invocation.produced_bytes = len(body)

    def answered_too_much(self, limit_bytes: int) -> None:
        self.break_off(failed("Function.ResponseSizeTooLarge"), error_payloads.too_large(limit_bytes))

    async def streams(self, exchange: Exchange) -> None:
        """Take a streamed answer to its end; the trailers behind it may tell of an error."""
        invocation = self.invocation
        assert invocation is not None
        invocation.is_started = True
        try:
            body = await take_stream(exchange, invocation, lambda: self.invocation is invocation)
        except BodyTooLargeError:
            limit = STREAM_LIMIT_BYTES if invocation.wants_stream else RESPONSE_LIMIT_BYTES
            refuse_size(exchange, limit)
            self.answered_too_much(limit)
            return
        except DisconnectedError:
            await self._stream_broke_off(invocation)
            return
        if self.invocation is not invocation:
            return  # it has ended meanwhile: what came last is nobody's answer
        error = trailer_error(exchange)
        if error is not None:
            self.failed(*error)
        else:
            self.succeeded(body)
        exchange.respond(202, (JSON,), b'{"status":"OK"}\n')

    async def _stream_broke_off(self, invocation: Invocation) -> None:
        """The answer has broken off: mostly because the runtime has ended, which is then what the caller is told."""
        await asyncio.sleep(EXIT_GRACE_S)
        if self.invocation is invocation:
            self.break_off(failed("Runtime.TruncatedResponse"), error_payloads.truncated())

    # ends

    def break_off(self, outcome: Outcome, body: bytes) -> None:
        """End the invocation with an error of the platform's, and reset: memory is lost, /tmp stays."""
        headers = (JSON, _UNHANDLED)
        self._finish(outcome, (*headers, _GONE) if self._host.is_replaced else headers, body)
        self._host.reset()

    def lose(self, outcome: Outcome, body: bytes) -> None:
        """End the invocation, if there is one, because nothing of its environment is left."""
        self._finish(outcome, (JSON, _UNHANDLED, _GONE), body)

    def _timed_out(self) -> None:
        if self.invocation is not None:
            body = error_payloads.timed_out(self.invocation.request_id.decode(), self._host.assignment.timeout_s)
            self.break_off(TIMEOUT, body)

    def _finish(self, outcome: Outcome, headers: Headers, body: bytes) -> None:
        """Write END and REPORT, answer the gateway, and be idle again or on the way out."""
        invocation, self.invocation = self.invocation, None
        if invocation is None:
            return
        self.is_delivered = False
        self.stop_timing()
        self._write_report(invocation, outcome)
        if invocation.wants_tail:
            headers = (*headers, (b"x-amz-log-result", base64.b64encode(self._journal.take_tail())))
        is_full = _GONE not in headers and self._capture.is_full
        if is_full:
            headers = (*headers, _GONE)
        if _GONE not in headers:
            self._host.served()
        if invocation.exchange.answered:
            invocation.exchange.finish(end_of_stream(headers, outcome, body))
        else:
            invocation.exchange.respond(200, headers, body)
        if is_full:
            self._loop.call_soon(self._host.retire)  # once the runtime has had its own answer

    def _write_report(self, invocation: Invocation, outcome: Outcome) -> None:
        duration_ms = invocation.duration_ms
        self._capture.end_invocation()
        request_id, trace_id = invocation.request_id.decode(), invocation.trace_id.decode("latin-1")
        tenant = self._host.assignment.version.tenant
        self._journal.tell(
            RuntimeDone(
                request_id=request_id,
                outcome=outcome,
                duration_ms=duration_ms,
                produced_bytes=invocation.produced_bytes,
                trace_id=trace_id,
                tenant=tenant,
            )
        )
        self._journal.tell(
            Report(
                request_id=request_id,
                outcome=outcome,
                duration_ms=duration_ms,
                memory_mib=self._host.assignment.memory_mib,
                used_bytes=self._host.peak_memory_bytes(),
                init_ms=self._host.take_init_ms(),
                trace_id=trace_id,
                tenant=tenant,
            )
        )

    def stop_timing(self) -> None:
        """Let no time run out any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
