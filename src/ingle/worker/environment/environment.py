"""One execution environment: from its start to its end, one invocation at a time."""

import asyncio
import contextlib
import dataclasses
import signal
import socket
from typing import Protocol

from ingle.environments import PROVISIONED, SNAP_START, Assignment, Event, State, advance
from ingle.transport import Exchange, HttpServer, serve_http
from ingle.worker.apis import error_payloads
from ingle.worker.apis.environment_api import API_BACKLOG, api_limits, environment_api
from ingle.worker.apis.extensions import Extensions
from ingle.worker.apis.extensions_api import ExtensionsApi
from ingle.worker.apis.replies import refuse
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.apis.runtime_api import RuntimeApi
from ingle.worker.apis.telemetry_api import TelemetryApi
from ingle.worker.drivers import RUNTIME, Exit, RunningEnvironment, SpawnError
from ingle.worker.environment import blame, shutdown
from ingle.worker.environment.beginnings import Beginning, Duration
from ingle.worker.environment.initialization import Initialization, begin_limit_s
from ingle.worker.environment.invocation import ServedInvocation
from ingle.worker.environment.serving import Serving
from ingle.worker.journal.journal import Journal
from ingle.worker.journal.log_capture import LogCapture
from ingle.worker.journal.log_shipping import LogStream
from ingle.worker.journal.platform_events import (
    SUCCESS,
    TIMEOUT,
    Outcome,
    failed,
)
from ingle.worker.journal.telemetry_delivery import TelemetryHub


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Newborn:
    """An environment in which nothing runs yet, and where its log goes."""

    running: RunningEnvironment
    stream: LogStream


class Owner(Protocol):
    """Who keeps environments, and hears of what becomes of them."""

    def became_idle(self, environment: "Environment") -> None: ...

    def became_no_copy(self, environment: "Environment") -> None:
        """The template that it should have become is one of before; it runs an init."""
        ...

    def left(self, environment: "Environment") -> None:
        """Nothing of it is left, or soon will be."""
        ...


class Environment:
    """Owns a running environment; made by `Environments.start`, which also hears of its end."""

    def __init__(
        self,
        identifier: str,
        assignment: Assignment,
        newborn: Newborn,
        credentials: ContainerCredentials,
        beginning: Beginning,
        owner: Owner,
    ) -> None:
        running = newborn.running
        self.identifier = identifier
        self.assignment = assignment
        self.state = advance(State.STARTING, Event.SPAWNED)
        self.exit: Exit | None = None
        self._running = running
        self._credentials = credentials
        self.beginning = beginning
        self.broken: Outcome | None = None
        """How its begin has failed."""
        self._telemetry = TelemetryHub(running.processes.connect, is_json=assignment.log_format == "JSON")
        self._journal = Journal(assignment, newborn.stream.add, self._telemetry)
        self._capture = LogCapture(running.output, running.telemetry, running.extensions, self._journal)
        self._serving = Serving(self, self._capture, self._journal)
        self._extensions = Extensions()
        self._init = Initialization(
            assignment, beginning, self._journal, self._telemetry, self._extensions, running.processes
        )
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[bool] = self._loop.create_future()
        self._server: HttpServer | None = None
        self._next: Exchange | None = None
        self._init_timer: asyncio.TimerHandle | None = None
        self.idle_since_s = 0.0
        self._duration: Duration | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._emptying: asyncio.Task[None] | None = None
        """The reset that is under way: until it is over, nothing can be started."""
        self._resets = 0
        """How many there have been: what ended before one is no news after it."""
        self._kills_known = 0
        self._settled = asyncio.Event()
        """Set whenever what `wait_until_settled` looks at has changed."""
        self.is_gone = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Environment {self.identifier} {self.state.value} {self.assignment.version.function}>"

    # start and init

    async def start(self) -> bool:
        """Run init to its end; return whether it failed."""
        self._capture.watch()
        self._running.exited.add_done_callback(self._exited)
        self._init_timer = self._loop.call_later(begin_limit_s(self.assignment, self.beginning), self._init_timed_out)
        api = environment_api(
            RuntimeApi(self, self._serving),
            ExtensionsApi(self, self._extensions),
            TelemetryApi(self._extensions, self._telemetry, self._journal.tell),
        )
        limits = api_limits(len(self.assignment.extensions))
        self._server = await serve_http(api, self._running.listener, limits=limits, backlog=API_BACKLOG)
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
        has_place = self._running.extensions >= 0
        if not self._init.begin(self._phase, self.assignment.extensions if has_place else ()):
            self._loop.call_soon(self._die, "Extension.LaunchError", "ErrTooManyExtensions")

    def extension_registered(self) -> None:
        self._init.start_runtime()

    def extension_asks(self) -> None:
        self._go_on()

    @property
    def _phase(self) -> str:
        return "init" if self.state is State.INITIALIZING else "invoke"

    def _init_finished(self) -> None:
        """The runtime and its extensions have asked for their first event."""
        duration_ms = self._init.end(SUCCESS)
        if self.state is not State.INITIALIZING:  # begun anew by the invocation that waits: its report counts it
            return
        self._stop_timing()
        self._duration = self.beginning.duration(duration_ms)
        self.state = advance(self.state, Event.INIT_FINISHED)
        self._became_idle()
        self._is_ready(failed=False)

    def _is_ready(self, *, failed: bool) -> None:
        if not self._ready.done():
            self._ready.set_result(failed)

    def _init_timed_out(self) -> None:
        if self.state is State.INITIALIZING:
            self._init_broke(TIMEOUT, b"")

    def init_failed(self, body: bytes, error_type: str) -> None:
        if error_type == error_payloads.INVALID_ENTRYPOINT:
            self._die(error_type, error_payloads.message_of(body))
        else:
            self._init_broke(failed(error_type), body)

    def _init_broke(self, outcome: Outcome, body: bytes, fault: str = "") -> None:
        """Init has failed. What comes in the init phase is tried again by the first invocation, which hears of it."""
        self._init.finish_runtime(outcome)
        self._init.end(outcome)
        if self.state is State.INITIALIZING:
            self.broken = outcome
            self._stop_timing()
            self.state = advance(self.state, Event.INIT_FAILED)
            self._empty(outcome).add_done_callback(lambda _: self._is_ready(failed=True))
        else:
            self._serving.break_off(outcome, body, fault)

    # what the Runtime API asks

    @property
    def can_ask(self) -> bool:
        may_serve = self.state in (State.INITIALIZING, State.IDLE, State.BUSY)
        return may_serve and self._next is None and not self._serving.is_delivered and self._emptying is None

    @property
    def is_initializing(self) -> bool:
        return self._init.is_under_way

    def asks_for_credentials(self, exchange: Exchange) -> None:
        self._credentials.answer(exchange, self.assignment.version, self.assignment.credentials)

    def asks_to_be_restored(self, exchange: Exchange) -> None:
        """The runtime has run its init in here: there is nothing to wait for."""
        if self._init.is_under_way and self.assignment.initialization_type == SNAP_START:
            exchange.respond(200, ())
        else:
            refuse(exchange, 403, "InvalidStateTransition", "This environment is not restored from a snapshot")

    def became_no_copy(self) -> None:
        if self._init.is_under_way and self.beginning.is_copy:
            self._owner.became_no_copy(self)

    def asks(self, exchange: Exchange) -> None:
        self._next = exchange
        exchange.on_disconnect(lambda: self._stopped_asking(exchange))
        if self._init.is_under_way:
            self._init.finish_runtime(SUCCESS)
        self._go_on()

    def _go_on(self) -> None:
        """Somebody has asked for what is next: end what all have done their part of, and begin what waits."""
        if self._init.is_under_way:
            if self._next is None or not self._extensions.are_done:
                return
            self._init_finished()
        self._serving.settle()
        self._deliver()

    def _stopped_asking(self, exchange: Exchange) -> None:
        if self._next is exchange:
            self._next = None

    # invocations

    def invoke(self, invocation: ServedInvocation) -> None:
        """Serve an invocation."""
        before = self.state
        self.state = advance(before, Event.INVOKE_STARTED)
        if before is State.FROZEN:
            self._running.processes.thaw()
            self._telemetry.thaw()
        self._serving.begin(invocation, follows_init=before is State.FAILED)
        if before is State.FAILED:
            self._init_again(invocation)
        else:
            self._deliver()

    def _init_again(self, invocation: ServedInvocation) -> None:
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
        if self._next is not None and self._serving.is_waiting:
            exchange, self._next = self._next, None
            self._serving.deliver(exchange)

    @property
    def has_extensions(self) -> bool:
        return len(self._extensions) > 0

    @property
    def is_runtime_ready(self) -> bool:
        return self._next is not None

    @property
    def have_extensions_served(self) -> bool:
        return self._extensions.have_served

    def tell_extensions(self, event: bytes) -> None:
        self._extensions.invoke(event)

    async def wait_until_settled(self) -> bool:
        """Return as soon as it can serve again, or never will: which of the two."""
        while not self.state.can_serve or self._emptying is not None:
            if self.state in (State.STOPPING, State.GONE):
                return False
            self._settled.clear()
            await self._settled.wait()
        return True

    def take_duration(self) -> Duration | None:
        duration, self._duration = self._duration, None
        return duration

    @property
    def serves_once(self) -> bool:
        return self.assignment.is_isolated

    def peak_memory_bytes(self) -> int:
        at_the_end = self.exit.peak_memory_bytes if self.exit is not None else 0
        return at_the_end or self._running.peak_memory_bytes()

    def served(self) -> None:
        if self.state is State.BUSY:
            self.state = advance(self.state, Event.INVOKE_FINISHED)
            self._became_idle()
            self._settled.set()

    # resets

    def reset(self, outcome: Outcome) -> None:
        if self.is_replaced:
            self._end(_shutdown_reason(outcome))
        elif self.state in (State.IDLE, State.FROZEN, State.BUSY):
            self.state = advance(self.state, Event.RESET)
            self._empty(outcome)

    @property
    def is_replaced(self) -> bool:
        """Whether another one, initialised ahead, takes its place instead of a reset."""
        return self.assignment.initialization_type == PROVISIONED or self.beginning.is_copy

    def _empty(self, outcome: Outcome) -> "asyncio.Task[None]":
        """Shut down what runs, kill what is left; the next init waits until nothing is."""
        if self._emptying is None:
            self._init.break_off()
            self._resets += 1
            self._emptying = self._loop.create_task(self._empty_out(_shutdown_reason(outcome)))
        return self._emptying

    async def _empty_out(self, reason: str) -> None:
        await shutdown.shut_down(reason, self._extensions, self._init.living, self._running.processes, self._telemetry)
        with contextlib.suppress(SpawnError):  # it is gone altogether, and `_exited` says so
            await self._running.processes.reset()
        self._kills_known = self._running.out_of_memory_kills()
        self._telemetry.stop()
        self._next = None
        if self._server is not None:  # whom a process that was killed leaves behind looks as if it might still listen
            self._server.cut()
        self._emptying = None
        self._settled.set()

    # between invocations

    def _became_idle(self) -> None:
        self.idle_since_s = self._loop.time()
        self._owner.became_idle(self)

    def freeze_if_idle(self, before: float) -> bool:
        """Freeze what has been idle since before a time of the loop's clock; return whether to look again."""
        if self.state is not State.IDLE:
            return False
        if self.idle_since_s > before or self._next is None or not self._extensions.are_done:
            return True
        self.state = advance(self.state, Event.FROZE)
        self._telemetry.freeze()
        self._running.processes.freeze()
        return False

    # ends

    def _process_ended(self, number: int, status: int) -> None:
        """The runtime or an extension has ended: by itself, unless everything is being shut down."""
        self._init.living.ended(number)
        if self._emptying is not None:
            return
        ended = (number, status, self._resets)
        is_under_way = self._serving.invocation is not None or self._init.is_under_way
        if is_under_way:
            # A worker that was itself held up reads no socket before the first timer, but does before the second.
            wait_s = blame.wait_s(status) / 2
            self._loop.call_later(wait_s, self._loop.call_later, wait_s, self._blame, *ended)
        else:
            self._blame(*ended)

    def _blame(self, number: int, status: int, resets: int) -> None:
        """Tell a function's own end of a process from one that the platform has brought."""
        if self._resets != resets or self._emptying is not None or self.state in (State.STOPPING, State.GONE):
            return
        if blame.is_the_platforms():
            self._running.stop()  # `_exited` follows, and cuts what is in flight
            return
        if number == RUNTIME:
            out_of_memory = self._running.out_of_memory_kills() > self._kills_known
            error_type, reason = "Runtime.ExitError", error_payloads.exit_reason(status, out_of_memory)
        else:
            error_type, reason = self._extensions.ended(number, status), error_payloads.process_exit_reason(status)
        self._die(self._extensions.first_error or error_type, reason)

    def _die(self, error_type: str, reason: str) -> None:
        """Nothing goes on here without what has ended."""
        outcome = failed(error_type)
        invocation = self._serving.invocation
        request_id = invocation.request_id.decode() if invocation is not None else ""
        body = error_payloads.ended(error_type, request_id, reason)
        if self._init.is_under_way:
            self._init_broke(outcome, body, reason)
        elif invocation is not None:
            self._serving.break_off(outcome, body, reason)
        else:
            self.reset(outcome)

    def _exited(self, future: "asyncio.Future[Exit]") -> None:
        """Nothing of the environment is left, its init included."""
        self.exit = future.result()
        invocation = self._serving.invocation
        if invocation is not None and self.exit.out_of_memory:
            reason = error_payloads.exit_reason(int(signal.SIGKILL), self.exit.out_of_memory)
            body = error_payloads.ended("Runtime.ExitError", invocation.request_id.decode(), reason)
            self._serving.lose(failed("Runtime.ExitError"), body)
        else:  # no function can end its init
            self._serving.cut()
        self._leave()

    def retire(self) -> None:
        """End it: nobody wants it any more, or it can't serve again. `is_gone` is set when nothing of it is left."""
        self._end(shutdown.SPINDOWN)

    def _end(self, reason: str) -> None:
        if self.state in (State.STOPPING, State.GONE):
            return
        self.state = advance(self.state, Event.STOP_REQUESTED)
        self._settled.set()
        if self.exit is not None:
            self._leave()
        elif self.has_extensions:
            self._stopping = self._loop.create_task(self._shut_down(reason))
        else:
            self._running.stop()  # `_exited` follows

    async def _shut_down(self, reason: str) -> None:
        try:
            if self._emptying is not None:  # who runs has heard of an end already
                await asyncio.wait([self._emptying])
            else:
                await shutdown.shut_down(
                    reason, self._extensions, self._init.living, self._running.processes, self._telemetry
                )
        finally:
            self._running.stop()

    def _leave(self) -> None:
        if self.state is State.GONE:
            return
        self.state = advance(self.state, Event.EXITED)
        self._settled.set()
        self._stop_timing()
        self._serving.stop_timing()
        self._is_ready(failed=True)
        self._capture.finish()
        self._telemetry.stop()
        if self._server is not None:
            draining = self._loop.create_task(self._server.drain(0))
            draining.add_done_callback(lambda _: self._closed())
        else:
            self._closed()
        self._owner.left(self)

    def _closed(self) -> None:
        self._running.close()
        self.is_gone.set()

    def _stop_timing(self) -> None:
        """Let init take as long as it takes: it has ended."""
        if self._init_timer is not None:
            self._init_timer.cancel()
            self._init_timer = None


def _shutdown_reason(outcome: Outcome) -> str:
    return shutdown.TIMEOUT if outcome == TIMEOUT else shutdown.FAILURE
