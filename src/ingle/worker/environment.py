"""One execution environment: from its start to its end, one invocation at a time."""

import asyncio
import base64
import contextlib
import os
import signal
import time
from collections.abc import Callable
from typing import Literal

from ingle.environments import Assignment, Event, State, advance
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange, HttpServer, ServerLimits, serve_http
from ingle.values import MIB, RESPONSE_LIMIT_BYTES, STREAM_LIMIT_BYTES
from ingle.worker import error_payloads
from ingle.worker.drivers import RUNTIME, Exit, RunningEnvironment, SpawnError
from ingle.worker.invocation import JSON, Invocation
from ingle.worker.log_capture import LogCapture
from ingle.worker.log_shipping import LogStream
from ingle.worker.platform_events import Report, lines_for
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
        self,
        identifier: str,
        assignment: Assignment,
        stream: LogStream,
        on_gone: Callable[["Environment"], None],
        on_idle: Callable[["Environment"], None],
    ) -> None:
        self.identifier = identifier
        self.assignment = assignment
        self.state = State.STARTING
        self.exit: Exit | None = None
        self._stream = stream
        self._lines = lines_for(assignment)
        self._on_gone = on_gone
        self._on_idle = on_idle
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
        self._idle_since = 0.0
        self._init_ms: float | None = None
        self._is_in_init = False
        self._emptying: asyncio.Task[None] | None = None
        """The reset that is under way: until it is over, nothing can be started."""
        self._kills_known = 0
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
        self._capture.tell(self._lines.init_start, self.assignment)
        self._timer = self._loop.call_later(INIT_LIMIT_S, self._init_timed_out)
        self._server = await serve_http(RuntimeApi(self), running.listener, limits=_API_LIMITS)
        running.processes.on_end = self._process_ended
        self._begin_init()
        return await self._ready

    def _begin_init(self) -> None:
        assert self._running is not None
        self._is_in_init = True
        self._started_ns = time.monotonic_ns()
        self._running.processes.start(RUNTIME)

    @property
    def _phase(self) -> str:
        return "init" if self.state is State.INITIALIZING else "invoke"

    def _init_finished(self) -> None:
        """The runtime has asked for its first event."""
        self._is_in_init = False
        duration_ms = (time.monotonic_ns() - self._started_ns) / 1e6
        if self.state is not State.INITIALIZING:  # begun anew by the invocation that waits: its report counts it
            return
        self._cancel_timer()
        self._init_ms = duration_ms
        self.state = advance(self.state, Event.INIT_FINISHED)
        self._became_idle()
        self._ready.set_result(False)

    def _init_timed_out(self) -> None:
        if self.state is State.INITIALIZING:
            self._init_broke(b"Status: timeout", b"", "Sandbox.Timedout")

    def init_failed(self, body: bytes, error_type: str) -> None:
        self._init_broke(f"Status: error\tError Type: {error_type}".encode(), body, error_type)

    def _init_broke(self, failure: bytes, body: bytes, error_type: str) -> None:
        """Init has failed. What comes in the init phase is tried again by the first invocation, which hears of it."""
        duration_ms = (time.monotonic_ns() - self._started_ns) / 1e6
        assert self._capture is not None
        self._capture.tell(self._lines.init_report, self._phase, duration_ms, failure)
        self._is_in_init = False
        if self.state is State.INITIALIZING:
            self._cancel_timer()
            self.state = advance(self.state, Event.INIT_FAILED)
            self._empty()
            self._ready.set_result(True)
        else:
            self._break_off("error", failure, body)

    # what the Runtime API asks

    @property
    def request_id(self) -> bytes | None:
        if self._invocation is None or not self._is_delivered or self._invocation.is_started:
            return None
        return self._invocation.request_id

    @property
    def can_ask(self) -> bool:
        may_serve = self.state in (State.INITIALIZING, State.IDLE, State.BUSY)
        return may_serve and self._next is None and not self._is_delivered and self._emptying is None

    @property
    def is_initializing(self) -> bool:
        return self._is_in_init

    def asks(self, exchange: Exchange) -> None:
        self._next = exchange
        exchange.on_disconnect(self._stopped_asking)
        if self._is_in_init:
            self._init_finished()
        if self._invocation is not None:
            self._deliver()

    def _stopped_asking(self) -> None:
        self._next = None

    # one invocation

    def invoke(self, invocation: Invocation) -> None:
        """Serve an invocation; its exchange is answered whatever happens."""
        before = self.state
        self.state = advance(before, Event.INVOKE_STARTED)
        if before is State.FROZEN and self._running is not None:
            self._running.processes.thaw()
        self._invocation = invocation
        assert self._capture is not None
        if invocation.wants_tail:
            self._capture.tail = bytearray()
        self._capture.tell(self._lines.start, invocation.request_id, self.assignment.version.version)
        self._timer = self._loop.call_later(self.assignment.timeout_s, self._timed_out)
        if before is State.FAILED:
            self._init_again(invocation)
        elif self._next is not None:
            self._deliver()

    def _init_again(self, invocation: Invocation) -> None:
        """Begin with an init within the invocation's own time ("suppressed init", execution reference, section 2)."""

        def begin(_: object = None) -> None:
            if self._invocation is invocation and self.state is State.BUSY:
                self._begin_init()

        if self._emptying is None:
            begin()
        else:
            self._emptying.add_done_callback(begin)

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
        self._break_off("error", failure, error_payloads.too_large(limit_bytes))

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
        """The answer has broken off: mostly because the runtime has ended, which is then what the caller is told."""
        await asyncio.sleep(EXIT_GRACE_S)
        if self._invocation is invocation:
            failure = b"Status: error\tError Type: Runtime.TruncatedResponse"
            self._break_off("error", failure, error_payloads.truncated())

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
            self._became_idle()
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
        init_ms, self._init_ms = self._init_ms, None
        memory = self.assignment.memory_mib
        used = self.exit.peak_memory_bytes if self.exit is not None else running.peak_memory_bytes()
        report = Report(
            request_id=invocation.request_id, duration_ms=duration, memory_mib=memory, used_bytes=used, init_ms=init_ms,
            failure=failure,
        )  # fmt: skip
        capture.tell(self._lines.runtime_done, report)
        capture.tell(self._lines.report, report)

    def _write(self, message: bytes) -> None:
        if self._capture is not None:
            self._capture.write(message)

    def _break_off(self, outcome: Outcome, failure: bytes, body: bytes) -> None:
        """End the invocation with an error of the platform's, and reset: memory is lost, /tmp stays."""
        self._finish(outcome, failure, (JSON, _UNHANDLED), body)
        if self.state is State.IDLE:
            self.state = advance(self.state, Event.RESET)
            self._empty()

    def _empty(self) -> None:
        """Kill everything that runs; the next init waits until nothing is left of it."""
        if self._emptying is None and self._running is not None:
            self._is_in_init = False
            self._emptying = self._loop.create_task(self._empty_out(self._running))

    async def _empty_out(self, running: RunningEnvironment) -> None:
        with contextlib.suppress(SpawnError):  # it is gone altogether, and `_exited` says so
            await running.processes.reset()
        self._kills_known = running.out_of_memory_kills()
        if self._next is not None:  # nobody listens there any more
            self._next = None
        self._emptying = None

    # between invocations

    def _became_idle(self) -> None:
        self._idle_since = self._loop.time()
        self._on_idle(self)

    def freeze_if_idle(self, before: float) -> bool:
        """Freeze what has been idle since before a time of the loop's clock; return whether to look again."""
        if self.state is not State.IDLE:
            return False
        if self._idle_since > before or self._next is None or self._running is None:
            return True
        self.state = advance(self.state, Event.FROZE)
        self._running.processes.freeze()
        return False

    # ends

    def _timed_out(self) -> None:
        invocation = self._invocation
        if invocation is None:
            return
        timeout_s = self.assignment.timeout_s
        body = error_payloads.timed_out(invocation.request_id.decode(), timeout_s)
        self._break_off("timeout", b"Status: timeout", body)

    def _process_ended(self, number: int, status: int) -> None:
        """The runtime has ended by itself."""
        if number != RUNTIME or self._emptying is not None or self._running is None:
            return
        out_of_memory = self._running.out_of_memory_kills() > self._kills_known
        failure = b"Status: error\tError Type: Runtime.ExitError"
        invocation = self._invocation
        request_id = invocation.request_id.decode() if invocation is not None else ""
        body = error_payloads.exited(request_id, status, out_of_memory=out_of_memory)
        if self._is_in_init:
            self._init_broke(failure, body, "Runtime.ExitError")
        elif invocation is not None:
            self._write(f"RequestId: {request_id} Error: {error_payloads.exit_reason(status, out_of_memory)}".encode())
            self._break_off("error", failure, body)
        elif self.state in (State.IDLE, State.FROZEN):
            self.state = advance(self.state, Event.RESET)
            self._empty()

    def _exited(self, future: "asyncio.Future[Exit]") -> None:
        """Nothing of the environment is left, its init included."""
        self.exit = future.result()
        invocation = self._invocation
        if invocation is not None:
            status = int(signal.SIGKILL)
            body = error_payloads.exited(invocation.request_id.decode(), status, out_of_memory=self.exit.out_of_memory)
            failure = b"Status: error\tError Type: Runtime.ExitError"
            self._finish("error", failure, (JSON, _UNHANDLED, _GONE), body)
        self._leave()

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
