"""What an environment serves: one invocation, from its event to its report.

The caller waits for the answer. The invocation goes on until the runtime and its extensions ask for the next event, and
until then the environment is busy. Most runtimes ask at once, so their answer waits for that, and tells the gateway in the
same message that the environment is free. A runtime that does not ask within a few milliseconds has its answer passed on
as `settling`. The next answer of such an environment does not wait, until the runtime asks in time again.
"""

import asyncio
import base64
import time
from typing import Protocol

from ingle.environments import Assignment
from ingle.links.gateway_worker import GONE, IDLE, SETTLING, Fate
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.values import RESPONSE_LIMIT_BYTES, STREAM_LIMIT_BYTES
from ingle.worker.apis import error_payloads
from ingle.worker.apis.replies import refuse_size
from ingle.worker.environment.alarm import Alarm
from ingle.worker.environment.beginnings import Duration
from ingle.worker.environment.invocation import JSON, ServedInvocation
from ingle.worker.environment.streaming import EXIT_GRACE_S, end_of_stream, take_stream, trailer_error
from ingle.worker.journal.journal import Journal
from ingle.worker.journal.log_capture import LogCapture
from ingle.worker.journal.platform_events import (
    SUCCESS,
    TIMEOUT,
    Fault,
    Outcome,
    Report,
    RuntimeDone,
    Span,
    Start,
    failed,
)

_PATIENCE_S = 0.01
"""How long an answer waits for a runtime that has asked at once so far: on a busy machine that takes milliseconds."""
_LAST_LOOK_S = 0.001
"""How much longer it waits, so that a worker that was itself held up first reads what has come meanwhile."""


class Host(Protocol):
    """What serving an invocation asks of its environment."""

    @property
    def assignment(self) -> Assignment: ...

    @property
    def is_replaced(self) -> bool:
        """Whether it ends instead of a reset, and another takes its place."""
        ...

    @property
    def has_extensions(self) -> bool:
        """Whether extensions have registered."""
        ...

    @property
    def is_runtime_ready(self) -> bool:
        """Whether the runtime waits for its next event."""
        ...

    @property
    def have_extensions_served(self) -> bool: ...

    def tell_extensions(self, event: bytes) -> None:
        """Tell of an invocation the extensions that want to hear of it."""
        ...

    def take_duration(self) -> Duration | None:
        """Return how long it took to begin, to the first that asks."""
        ...

    @property
    def serves_once(self) -> bool:
        """Whether it is gone after its first invocation."""
        ...

    def peak_memory_bytes(self) -> int:
        """Return the most memory the environment has used so far."""
        ...

    def served(self) -> None:
        """The invocation has ended: be idle, unless that is over too."""
        ...

    def reset(self, outcome: Outcome) -> None:
        """The invocation has been broken off: lose what is in memory."""
        ...

    def retire(self) -> None:
        """Serve no more."""
        ...


class Serving:
    """The invocation that an environment serves, or none; its exchange is answered whatever happens."""

    def __init__(self, host: Host, capture: LogCapture, journal: Journal) -> None:
        self.invocation: ServedInvocation | None = None
        self.is_delivered = False
        """Whether the runtime has the event and has not answered it yet."""
        self._host = host
        self._capture = capture
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._timeout = Alarm(self._timed_out)
        self._patience = Alarm(self._look_again)
        self._is_prompt = True
        """Whether runtime and extensions have asked for their next event in time, the last time."""

    def begin(self, invocation: ServedInvocation, *, follows_init: bool) -> None:
        """An invocation has come: from now on it takes its time. Its START comes after the init that it begins with."""
        self.invocation = invocation
        if invocation.asked.wants_tail:
            self._journal.begin_tail()
        if not follows_init:
            self._tell_start(invocation)
        self._timeout.set(self._host.assignment.timeout_s)

    def _tell_start(self, invocation: ServedInvocation) -> None:
        if invocation.is_told:
            return
        invocation.is_told = True
        assignment = self._host.assignment
        self._journal.tell(
            Start(
                request_id=invocation.request_id.decode(),
                version=assignment.version.version,
                trace_id=invocation.trace_id,
                tenant=assignment.version.tenant,
            )
        )

    def deliver(self, exchange: Exchange) -> None:
        """Give the event to the runtime, which waits for it on `exchange`."""
        invocation = self.invocation
        assert invocation is not None
        self.is_delivered = True
        self._tell_start(invocation)
        invocation.begin_duration()
        assignment = self._host.assignment
        if self._host.has_extensions:
            self._host.tell_extensions(invocation.event_for_extensions(assignment.timeout_s))
        headers = invocation.event_headers(assignment.timeout_s, assignment.version.tenant)
        exchange.respond(200, headers, invocation.asked.payload)

    @property
    def is_waiting(self) -> bool:
        """Whether there is an event that the runtime has not been given."""
        return self.invocation is not None and not self.is_delivered and not self.invocation.is_answered

    @property
    def _is_last(self) -> bool:
        """Whether the environment serves no further invocation."""
        return self._host.serves_once or self._capture.is_full

    # what the runtime answers

    @property
    def request_id(self) -> bytes | None:
        if self.invocation is None or not self.is_delivered or self.invocation.is_started:
            return None
        return self.invocation.request_id

    def succeeded(self, body: bytes) -> None:
        self._note_size(body)
        self._finish(SUCCESS, body)

    def failed(self, body: bytes, error_type: str) -> None:
        self._note_size(body)
        self._finish(failed(error_type), body)

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
        invocation.begin_answer()
        try:
            body = await take_stream(exchange, invocation, lambda: self.invocation is invocation)
        except BodyTooLargeError:
            limit = STREAM_LIMIT_BYTES if invocation.asked.wants_stream else RESPONSE_LIMIT_BYTES
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

    async def _stream_broke_off(self, invocation: ServedInvocation) -> None:
        """The answer has broken off: mostly because the runtime has ended, which is then what the caller is told."""
        await asyncio.sleep(EXIT_GRACE_S)
        if self.invocation is invocation:
            self.break_off(failed("Runtime.TruncatedResponse"), error_payloads.truncated())

    # ends

    def break_off(self, outcome: Outcome, body: bytes, fault: str = "") -> None:
        """End the invocation with an error of the platform's, and reset: memory is lost, /tmp stays.

        `fault` says what has ended, for the log.
        """
        invocation = self.invocation
        if invocation is not None:
            self._tell_start(invocation)
            if fault:
                self._journal.tell(Fault(request_id=invocation.request_id.decode(), reason=fault))
            is_answered, is_last = invocation.is_answered, self._is_last
            if not is_answered:
                invocation.end_answer(outcome)
            self._end(invocation, outcome)
            settling = SETTLING if self._host.has_extensions else IDLE
            fate = GONE if is_last or self._host.is_replaced else settling
            if not is_answered:
                self._answer(invocation, body, fate)
            else:
                self._answer_held(invocation, fate)
            if is_last:
                self._loop.call_soon(self._host.retire)
        self._host.reset(outcome)

    def lose(self, outcome: Outcome, body: bytes) -> None:
        """End the invocation, if there is one, because nothing of its environment is left."""
        invocation = self.invocation
        if invocation is None:
            return
        is_answered = invocation.is_answered
        self._tell_start(invocation)
        if not is_answered:
            invocation.end_answer(outcome)
        self._end(invocation, outcome)
        if not is_answered:
            self._answer(invocation, body, GONE)
        else:
            self._answer_held(invocation, GONE)

    def cut(self) -> None:
        """End the invocation, if there is one, without an answer: the platform has cut it, and the gateway says so."""
        invocation = self.invocation
        if invocation is None:
            return
        outcome = failed("Sandbox.Failure")
        if invocation.is_answered:  # what goes on behind an answer is nobody's loss
            self.lose(outcome, b"")
            return
        invocation.end_answer(outcome)
        self._end(invocation, outcome)
        invocation.caller.cut()

    def settle(self) -> None:
        """End an invocation that has its answer, once runtime and extensions have asked for the next."""
        invocation = self.invocation
        if invocation is None or not invocation.is_answered or not self._host.is_runtime_ready:
            return
        if self._host.has_extensions and not invocation.runtime_done_ns:
            self._capture.end_invocation()
            self._runtime_is_done(invocation, invocation.outcome)
        if self._host.have_extensions_served:
            self._is_prompt = time.monotonic_ns() - invocation.answered_ns < _PATIENCE_S * 1e9
            self._end(invocation, invocation.outcome)
            if self._is_last:
                self._answer_held(invocation, GONE)
                self._host.retire()
            else:
                self._host.served()
                self._answer_held(invocation, IDLE)

    def _timed_out(self) -> None:
        if self.invocation is not None:
            body = error_payloads.timed_out(self.invocation.request_id.decode(), self._host.assignment.timeout_s)
            self.break_off(TIMEOUT, body)

    def _finish(self, outcome: Outcome, body: bytes) -> None:
        """Keep what the runtime has answered for the moment that it is free again, or that patience ends."""
        invocation = self.invocation
        if invocation is None:
            return
        self.is_delivered = False
        invocation.end_answer(outcome)
        invocation.held = body
        if invocation.asked.wants_tail:  # which ends with REPORT
            return
        if self._is_prompt:
            self._patience.set(_PATIENCE_S)
        else:
            self._answer_held(invocation, SETTLING)

    def _look_again(self) -> None:
        if self.invocation is not None:
            self._loop.call_later(_LAST_LOOK_S, self._lose_patience, self.invocation)

    def _lose_patience(self, invocation: ServedInvocation) -> None:
        """The runtime has more to do: the caller does not wait for that."""
        if invocation.held is not None:
            self._is_prompt = False
            self._answer_held(invocation, SETTLING)

    def _answer(self, invocation: ServedInvocation, body: bytes, fate: Fate) -> None:
        log = base64.b64encode(self._journal.take_tail()) if invocation.asked.wants_tail else b""
        caller, outcome = invocation.caller, invocation.outcome
        if caller.has_begun:
            caller.end(end_of_stream(outcome, body, fate, log))
        else:
            caller.answer(body, fate, has_failed=outcome.is_failure, log_result=log)

    def _answer_held(self, invocation: ServedInvocation, fate: Fate) -> None:
        """Give the answer that has waited for the end of the invocation, if one has."""
        if invocation.held is not None:
            body, invocation.held = invocation.held, None
            self._answer(invocation, body, fate)

    def _end(self, invocation: ServedInvocation, outcome: Outcome) -> None:
        """Nothing of the invocation goes on: write END and REPORT."""
        self.invocation = None
        self.is_delivered = False
        self._timeout.clear()
        self._patience.clear()
        self._capture.end_invocation()
        spans: list[Span] = []
        if not invocation.runtime_done_ns:
            self._runtime_is_done(invocation, outcome)
        elif self._host.has_extensions:
            spans = invocation.spans_of_extensions()
        assignment, duration = self._host.assignment, self._host.take_duration()
        self._journal.tell(
            Report(
                request_id=invocation.request_id.decode(),
                outcome=outcome,
                duration_ms=invocation.duration_ms,
                memory_mib=assignment.memory_mib,
                used_bytes=self._host.peak_memory_bytes(),
                init_ms=duration.milliseconds if duration is not None else None,
                is_restored=duration is not None and duration.is_restore,
                spans=spans,
                trace_id=invocation.trace_id,
                tenant=assignment.version.tenant,
            )
        )

    def _runtime_is_done(self, invocation: ServedInvocation, outcome: Outcome) -> None:
        invocation.runtime_done_ns = time.monotonic_ns()
        has_spans = self._host.has_extensions and not outcome.is_failure
        self._journal.tell(
            RuntimeDone(
                request_id=invocation.request_id.decode(),
                outcome=outcome,
                duration_ms=invocation.duration_ms,
                produced_bytes=invocation.produced_bytes,
                spans=invocation.spans_of_runtime() if has_spans else (),
                trace_id=invocation.trace_id,
                tenant=self._host.assignment.version.tenant,
            )
        )

    def stop_timing(self) -> None:
        """Let no time run out any more: nothing will be served."""
        self._timeout.close()
        self._patience.close()
