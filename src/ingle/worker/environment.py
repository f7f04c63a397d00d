"""One execution environment: from its start to its end, one invocation at a time."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable

from ingle.environments import ON_DEMAND, PROVISIONED, Assignment, Event, State, advance
from ingle.transport import Exchange, HttpServer, ServerLimits, serve_http
from ingle.values import MIB, STREAM_LIMIT_BYTES
from ingle.worker import error_payloads
from ingle.worker.drivers import RUNTIME, Exit, RunningEnvironment, SpawnError
from ingle.worker.invocation import Invocation
from ingle.worker.journal import Journal
from ingle.worker.log_capture import LogCapture
from ingle.worker.log_shipping import LogStream
from ingle.worker.platform_events import TIMEOUT, Fault, InitReport, InitStart, Outcome, failed
from ingle.worker.role_credentials import ContainerCredentials
from ingle.worker.runtime_api import RuntimeApi
from ingle.worker.serving import Serving

INIT_LIMIT_S = 10.0
AHEAD_INIT_LIMIT_S = 130
_API_LIMITS = ServerLimits(
    header_bytes=32 * 1024,
    header_count=64,
    body_bytes=STREAM_LIMIT_BYTES + MIB,
    idle_timeout_s=1e9,
    body_timeout_s=900.0,
    connections=16,
)


class Environment:
    """Owns a running environment; made by `Environments.start`, which also hears of its end."""

    def __init__(
        self,
        identifier: str,
        assignment: Assignment,
        running: RunningEnvironment,
        stream: LogStream,
        credentials: ContainerCredentials,
        on_gone: Callable[["Environment"], None],
        on_idle: Callable[["Environment"], None],
    ) -> None:
        self.identifier = identifier
        self.assignment = assignment
        self.state = advance(State.STARTING, Event.SPAWNED)
        self.exit: Exit | None = None
        self._running = running
        self._credentials = credentials
        self._journal = Journal(assignment, stream.add)
        self._capture = LogCapture(running.output, running.telemetry, running.extensions, self._journal)
        self._serving = Serving(self, self._capture, self._journal)
        self._on_gone = on_gone
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[bool] = self._loop.create_future()
        self._server: HttpServer | None = None
        self._next: Exchange | None = None
        self._init_timer: asyncio.TimerHandle | None = None
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

    async def start(self) -> bool:
        """Run init to its end; return whether it failed."""
        self._capture.watch()
        self._running.exited.add_done_callback(self._exited)
        self._journal.tell(InitStart(assignment=self.assignment))
        self._init_timer = self._loop.call_later(init_limit_s(self.assignment), self._init_timed_out)
        self._server = await serve_http(RuntimeApi(self, self._serving), self._running.listener, limits=_API_LIMITS)
        self._running.processes.on_end = self._process_ended
        self._running.processes.on_link = self._linked
        self._begin_init()
        return await self._ready

    def _linked(self, link: socket.socket) -> None:
        """Serve the Runtime API over a connection that init has made for the runtime."""
        assert self._server is not None
        task = self._loop.create_task(self._server.adopt(link))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _begin_init(self) -> None:
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
        self._stop_timing()
        self._init_ms = duration_ms
        self.state = advance(self.state, Event.INIT_FINISHED)
        self._became_idle()
        self._ready.set_result(False)

    def _init_timed_out(self) -> None:
        if self.state is State.INITIALIZING:
            self._init_broke(TIMEOUT, b"")

    def init_failed(self, body: bytes, error_type: str) -> None:
        self._init_broke(failed(error_type), body)

    def _init_broke(self, outcome: Outcome, body: bytes) -> None:
        """Init has failed. What comes in the init phase is tried again by the first invocation, which hears of it."""
        duration_ms = (time.monotonic_ns() - self._started_ns) / 1e6
        kind = self.assignment.initialization_type
        self._journal.tell(
            InitReport(initialization_type=kind, phase=self._phase, outcome=outcome, duration_ms=duration_ms)
        )
        self._is_in_init = False
        if self.state is State.INITIALIZING:
            self._stop_timing()
            self.state = advance(self.state, Event.INIT_FAILED)
            self._empty()
            self._ready.set_result(True)
        else:
            self._serving.break_off(outcome, body)

    # what the Runtime API asks

    @property
    def can_ask(self) -> bool:
        may_serve = self.state in (State.INITIALIZING, State.IDLE, State.BUSY)
        return may_serve and self._next is None and not self._serving.is_delivered and self._emptying is None

    @property
    def is_initializing(self) -> bool:
        return self._is_in_init

    def asks_for_credentials(self, exchange: Exchange) -> None:
        self._credentials.answer(exchange, self.assignment.version, self.assignment.credentials)

    def asks(self, exchange: Exchange) -> None:
        self._next = exchange
        exchange.on_disconnect(self._stopped_asking)
        if self._is_in_init:
            self._init_finished()
        self._deliver()

    def _stopped_asking(self) -> None:
        self._next = None

    # invocations

    def invoke(self, invocation: Invocation) -> None:
        """Serve an invocation."""
        before = self.state
        self.state = advance(before, Event.INVOKE_STARTED)
        if before is State.FROZEN:
            self._running.processes.thaw()
        self._serving.begin(invocation)
        if before is State.FAILED:
            self._init_again(invocation)
        else:
            self._deliver()

    def _init_again(self, invocation: Invocation) -> None:
        """Begin with an init within the invocation's own time ("suppressed init", execution reference, section 2)."""

        def begin(_: object = None) -> None:
            if self._serving.invocation is invocation and self.state is State.BUSY:
                self._begin_init()

        if self._emptying is None:
            begin()
        else:
            self._emptying.add_done_callback(begin)

    def _deliver(self) -> None:
        """Bring the invocation and the runtime's question together, where both are here."""
        if self._next is not None and self._serving.invocation is not None:
            exchange, self._next = self._next, None
            self._serving.deliver(exchange)

    def take_init_ms(self) -> float | None:
        init_ms, self._init_ms = self._init_ms, None
        return init_ms

    def peak_memory_bytes(self) -> int:
        return self.exit.peak_memory_bytes if self.exit is not None else self._running.peak_memory_bytes()

    def served(self) -> None:
        if self.state is State.BUSY:
            self.state = advance(self.state, Event.INVOKE_FINISHED)
            self._became_idle()

    # resets

    def reset(self) -> None:
        if self.is_replaced:
            self.retire()
        elif self.state in (State.IDLE, State.FROZEN):
            self.state = advance(self.state, Event.RESET)
            self._empty()

    @property
    def is_replaced(self) -> bool:
        """Whether another one, initialised ahead, takes its place instead of a reset."""
        return self.assignment.initialization_type == PROVISIONED

    def _empty(self) -> None:
        """Kill everything that runs; the next init waits until nothing is left of it."""
        if self._emptying is None:
            self._is_in_init = False
            self._emptying = self._loop.create_task(self._empty_out())

    async def _empty_out(self) -> None:
        with contextlib.suppress(SpawnError):  # it is gone altogether, and `_exited` says so
            await self._running.processes.reset()
        self._kills_known = self._running.out_of_memory_kills()
        self._next = None  # nobody listens there any more
        self._emptying = None

    # between invocations

    def _became_idle(self) -> None:
        self._idle_since = self._loop.time()
        self._on_idle(self)

    def freeze_if_idle(self, before: float) -> bool:
        """Freeze what has been idle since before a time of the loop's clock; return whether to look again."""
        if self.state is not State.IDLE:
            return False
        if self._idle_since > before or self._next is None:
            return True
        self.state = advance(self.state, Event.FROZE)
        self._running.processes.freeze()
        return False

    # ends

    def _process_ended(self, number: int, status: int) -> None:
        """The runtime has ended by itself."""
        if number != RUNTIME or self._emptying is not None:
            return
        out_of_memory = self._running.out_of_memory_kills() > self._kills_known
        outcome = failed("Runtime.ExitError")
        invocation = self._serving.invocation
        request_id = invocation.request_id.decode() if invocation is not None else ""
        body = error_payloads.exited(request_id, status, out_of_memory=out_of_memory)
        if self._is_in_init:
            self._init_broke(outcome, body)
        elif invocation is not None:
            reason = error_payloads.exit_reason(status, out_of_memory)
            self._journal.tell(Fault(request_id=request_id, reason=reason))
            self._serving.break_off(outcome, body)
        else:
            self.reset()

    def _exited(self, future: "asyncio.Future[Exit]") -> None:
        """Nothing of the environment is left, its init included."""
        self.exit = future.result()
        invocation = self._serving.invocation
        if invocation is not None:
            status = int(signal.SIGKILL)
            body = error_payloads.exited(invocation.request_id.decode(), status, out_of_memory=self.exit.out_of_memory)
            self._serving.lose(failed("Runtime.ExitError"), body)
        self._leave()

    def retire(self) -> None:
        """End it: nobody wants it any more, or it can't serve again. `is_gone` is set when nothing of it is left."""
        if self.state in (State.STOPPING, State.GONE):
            return
        self.state = advance(self.state, Event.STOP_REQUESTED)
        if self.exit is None:
            self._running.stop()  # `_exited` follows
        else:
            self._leave()

    def _leave(self) -> None:
        if self.state is State.GONE:
            return
        self.state = advance(self.state, Event.EXITED)
        self._stop_timing()
        self._serving.stop_timing()
        if not self._ready.done():
            self._ready.set_result(True)
        self._capture.finish()
        if self._server is not None:
            draining = self._loop.create_task(self._server.drain(0))
            draining.add_done_callback(lambda _: self._closed())
        else:
            self._closed()
        self._on_gone(self)

    def _closed(self) -> None:
        self._running.close()
        self.is_gone.set()

    def _stop_timing(self) -> None:
        """Let init take as long as it takes: it has ended."""
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None


def init_limit_s(assignment: Assignment) -> float:
    """Return how long init may take: longer where nobody waits for it (execution reference, section 2)."""
    if assignment.initialization_type == ON_DEMAND:
        return INIT_LIMIT_S
    return float(max(AHEAD_INIT_LIMIT_S, assignment.timeout_s))


def stream_name(version: str, now: float) -> str:
    """Return a fresh log stream's name (execution reference, section 6)."""
    day = time.strftime("%Y/%m/%d", time.gmtime(now))
    return f"{day}/[{version}]{os.urandom(16).hex()}"
