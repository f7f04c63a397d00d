"""One execution environment: from its start to its end, one invocation at a time."""

import asyncio
import base64
import os
import time
from collections.abc import Callable
from typing import Literal

from ingle.environments import Assignment, Event, State, advance
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange, HttpServer, ServerLimits, serve_http
from ingle.values import MIB, RESPONSE_LIMIT_BYTES, STREAM_LIMIT_BYTES
from ingle.worker import error_payloads
from ingle.worker.drivers import Exit, RunningEnvironment
from ingle.worker.invocation import JSON, Invocation, init_start_line, report_line
from ingle.worker.log_capture import LogCapture
from ingle.worker.log_shipping import LogStream
from ingle.worker.runtime_api import RuntimeApi, refuse_size
from ingle.worker.streaming import EXIT_GRACE_S, end_of_stream, take_stream, trailer_error

INIT_LIMIT_S = 10.0
_API_LIMITS = ServerLimits(
    header_bytes=32 * 1024,
    header_count=64,
    body_bytes=STREAM_LIMIT_BYTES + MIB,
    idle_timeout_s=1e9,
    body_timeout_s=900.0,
    connections=16,
)
_UNHANDLED = (b"x-amz-function-error", b"Unhandled")
_GONE = (b"x-ingle-environment", b"gone")
Outcome = Literal["success", "error", "timeout"]


class Environment:
    """Owns a running environment; made by `Environments.start`, which also hears of its end."""

    def __init__(
        self, identifier: str, assignment: Assignment, stream: LogStream, on_gone: Callable[["Environment"], None]
    ) -> None:
        self.identifier = identifier
        self.assignment = assignment
        self.state = State.STARTING
        self.exit: Exit | None = None
        self._stream = stream
        self._on_gone = on_gone
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[bool] = self._loop.create_future()
        self._running: RunningEnvironment | None = None
        self._server: HttpServer | None = None
        self._capture: LogCapture | None = None
        self._next: Exchange | None = None
        self._invocation: Invocation | None = None
        self._is_delivered = False
        self._timer: asyncio.TimerHandle | None = None
        self._started_ns = time.monotonic_ns()
        self._init_ms: float | None = None
        self._init_error: tuple[bytes, str] = (b"", "")
        self.is_gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Environment {self.identifier} {self.state.value} {self.assignment.version.function}>"

    # start and init

    async def start(self, running: RunningEnvironment) -> bool:
        """Run init to its end; return whether it failed."""
        self._running = running
        self._capture = LogCapture(running.output, running.telemetry, self._stream.add)
        self._capture.watch()
        running.exited.add_done_callback(self._exited)
        self.state = advance(self.state, Event.SPAWNED)
        self._capture.write(init_start_line(self.assignment.runtime))
        self._timer = self._loop.call_later(INIT_LIMIT_S, self._init_timed_out)
        self._server = await serve_http(RuntimeApi(self), running.listener, limits=_API_LIMITS)
        failed = await self._ready
        self._cancel_timer()
        return failed

    def _init_ended(self, event: Event) -> None:
        if self._ready.done():
            return
        self._init_ms = (time.monotonic_ns() - self._started_ns) / 1e6
        self.state = advance(self.state, event)
        self._ready.set_result(event is Event.INIT_FAILED)

    def _init_timed_out(self) -> None:
        if self.state is State.INITIALIZING:
            self._write(b"INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: timeout" % (INIT_LIMIT_S * 1e3))
            self._init_error = (error_payloads.timed_out("", INIT_LIMIT_S), "Sandbox.Timedout")
            self._init_ended(Event.INIT_FAILED)
            self._stop()

    def init_failed(self, body: bytes, error_type: str) -> None:
        self._init_error = (body, error_type)
        self._init_ended(Event.INIT_FAILED)

    # what the Runtime API asks

    @property
    def request_id(self) -> bytes | None:
        if self._invocation is None or not self._is_delivered or self._invocation.is_started:
            return None
        return self._invocation.request_id

    @property
    def can_ask(self) -> bool:
        may_serve = self.state in (State.INITIALIZING, State.IDLE, State.BUSY)
        return may_serve and self._next is None and not self._is_delivered

    @property
    def is_initializing(self) -> bool:
        return self.state is State.INITIALIZING

    def asks(self, exchange: Exchange) -> None:
        self._next = exchange
        exchange.on_disconnect(self._stopped_asking)
        if self.state is State.INITIALIZING:
            self._init_ended(Event.INIT_FINISHED)
        elif self._invocation is not None:
            self._deliver()

    def _stopped_asking(self) -> None:
        self._next = None

    # one invocation

    def invoke(self, invocation: Invocation) -> None:
        """Serve an invocation; its exchange is answered whatever happens."""
        failed = self.state is State.FAILED
        self.state = advance(self.state, Event.INVOKE_STARTED)
        self._invocation = invocation
        assert self._capture is not None
        if invocation.wants_tail:
            self._capture.tail = bytearray()
        version = self.assignment.version.version.encode()
        self._capture.write(b"START RequestId: %b Version: %b" % (invocation.request_id, version))
        if failed:
            self._answer_init_failure(invocation)
            return
        self._timer = self._loop.call_later(self.assignment.timeout_s, self._timed_out)
        if self._next is not None:
            self._deliver()

    def _deliver(self) -> None:
        exchange, self._next = self._next, None
        assert exchange is not None and self._invocation is not None
        self._is_delivered = True
        invocation = self._invocation
        invocation.started_ns = time.monotonic_ns()
        exchange.respond(200, invocation.event_headers(self.assignment.timeout_s), invocation.payload)

    def succeeded(self, body: bytes) -> None:
        self._finish("success", b"", (JSON,), body)

    def failed(self, body: bytes, error_type: str) -> None:
        self._finish("error", f"Status: error\tError Type: {error_type}".encode(), (JSON, _UNHANDLED), body)

    def answered_too_much(self, limit_bytes: int) -> None:
        failure = b"Status: error\tError Type: Function.ResponseSizeTooLarge"
        self._finish("error", failure, (JSON, _UNHANDLED, _GONE), error_payloads.too_large(limit_bytes))
        self.retire()

    async def streams(self, exchange: Exchange) -> None:
        """Take a streamed answer to its end; the trailers behind it may tell of an error."""
        invocation = self._invocation
        assert invocation is not None
        invocation.is_started = True
        try:
            body = await take_stream(exchange, invocation, lambda: self._invocation is invocation)
        except BodyTooLargeError:
            limit = STREAM_LIMIT_BYTES if invocation.wants_stream else RESPONSE_LIMIT_BYTES
            refuse_size(exchange, limit)
            self.answered_too_much(limit)
            return
        except DisconnectedError:
            await self._broke_off(invocation)
            return
        if self._invocation is not invocation:
            return  # it has ended meanwhile: what came last is nobody's answer
        error = trailer_error(exchange)
        if error is not None:
            self.failed(*error)
        else:
            self.succeeded(body)
        exchange.respond(202, (JSON,), b'{"status":"OK"}\n')

    async def _broke_off(self, invocation: Invocation) -> None:
        if self._running is not None:
            await asyncio.wait((self._running.exited,), timeout=EXIT_GRACE_S)
        if self._invocation is invocation:
            failure = b"Status: error\tError Type: Runtime.TruncatedResponse"
            self._finish("error", failure, (JSON, _UNHANDLED, _GONE), error_payloads.truncated())
            self.retire()

    def _finish(self, outcome: Outcome, failure: bytes, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> None:
        """Write END and REPORT, answer the gateway, and be idle again or on the way out."""
        invocation, self._invocation = self._invocation, None
        if invocation is None:
            return
        self._is_delivered = False
        self._cancel_timer()
        self._write_report(invocation, failure)
        if invocation.wants_tail and self._capture is not None:
            tail = base64.b64encode(self._capture.take_tail())
            headers = (*headers, (b"x-amz-log-result", tail))
        is_full = _GONE not in headers and self._capture is not None and self._capture.is_full
        if is_full:
            headers = (*headers, _GONE)
        if self.state is State.BUSY and _GONE not in headers:
            self.state = advance(self.state, Event.INVOKE_FINISHED)
        if invocation.exchange.answered:
            invocation.exchange.finish(end_of_stream(headers, failure, body))
        else:
            invocation.exchange.respond(200, headers, body)
        if is_full:
            self._loop.call_soon(self.retire)  # once the runtime has had its own answer

    def _write_report(self, invocation: Invocation, failure: bytes) -> None:
        capture, running = self._capture, self._running
        if capture is None or running is None:
            return
        duration = invocation.duration_ms
        capture.end_invocation()
        capture.write(b"END RequestId: %b" % invocation.request_id)
        init_ms, self._init_ms = self._init_ms, None
        memory = self.assignment.memory_mib
        used = self.exit.peak_memory_bytes if self.exit is not None else running.peak_memory_bytes()
        capture.write(report_line(invocation.request_id, duration, memory, used, init_ms, failure))

    def _write(self, message: bytes) -> None:
        if self._capture is not None:
            self._capture.write(message)

    def _answer_init_failure(self, invocation: Invocation) -> None:
        body, error_type = self._init_error
        if not body:
            ended = self.exit or Exit(status=9, out_of_memory=False)
            request_id = invocation.request_id.decode()
            body = error_payloads.exited(request_id, ended.status, out_of_memory=ended.out_of_memory)
            error_type = "Runtime.ExitError"
        failure = (
            b"Status: timeout"
            if error_type == "Sandbox.Timedout"
            else f"Status: error\tError Type: {error_type}".encode()
        )
        self._finish("error", failure, (JSON, _UNHANDLED, _GONE), body)
        self.retire()

    # ends

    def _timed_out(self) -> None:
        invocation = self._invocation
        if invocation is None:
            return
        timeout_s = self.assignment.timeout_s
        body = error_payloads.timed_out(invocation.request_id.decode(), timeout_s)
        self._finish("timeout", b"Status: timeout", (JSON, _UNHANDLED, _GONE), body)
        self.retire()

    def _exited(self, future: "asyncio.Future[Exit]") -> None:
        self.exit = future.result()
        if self.state is State.INITIALIZING:
            self._init_ended(Event.INIT_FAILED)
        if self.state is State.FAILED:
            return  # it still has its error to tell
        if self._invocation is not None:
            self._answer_exit(self._invocation, self.exit)
        self._leave()

    def _answer_exit(self, invocation: Invocation, ended: Exit) -> None:
        request_id = invocation.request_id.decode()
        reason = error_payloads.exit_reason(ended.status, ended.out_of_memory)
        body = error_payloads.exited(request_id, ended.status, out_of_memory=ended.out_of_memory)
        self._write(f"RequestId: {request_id} Error: {reason}".encode())
        self._finish("error", b"Status: error\tError Type: Runtime.ExitError", (JSON, _UNHANDLED, _GONE), body)

    def _stop(self) -> None:
        """Kill what runs; `_exited` follows."""
        if self.exit is None and self._running is not None:
            self._running.stop()

    def retire(self) -> None:
        """End it: nobody wants it any more, or it can't serve again. `is_gone` is set when nothing of it is left."""
        if self.state in (State.STOPPING, State.GONE):
            return
        self.state = advance(self.state, Event.STOP_REQUESTED)
        self._stop()
        if self.exit is not None:
            self._leave()

    def _leave(self) -> None:
        if self.state is State.GONE:
            return
        self.state = advance(self.state, Event.EXITED)
        self._cancel_timer()
        if not self._ready.done():
            self._ready.set_result(True)
        if self._capture is not None:
            self._capture.finish()
        if self._server is not None:
            draining = self._loop.create_task(self._server.drain(0))
            draining.add_done_callback(lambda _: self._closed())
        else:
            self._closed()
        self._on_gone(self)

    def _closed(self) -> None:
        if self._running is not None:
            self._running.close()
        self.is_gone.set()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def stream_name(version: str, now: float) -> str:
    """Return a fresh log stream's name (execution reference, section 6)."""
    day = time.strftime("%Y/%m/%d", time.gmtime(now))
    return f"{day}/[{version}]{os.urandom(16).hex()}"
