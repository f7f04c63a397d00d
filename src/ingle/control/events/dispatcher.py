"""Delivers queued events to the gateway, on the path of every other invocation.

Callers who wait for an answer come first: events take at most half of the account's concurrency, one function at most
half of that, and each function's `Window` grows only while processors are idle. What was under way when control dies is delivered
again: an event runs at least once.
"""

import asyncio
import dataclasses
import math
import time

import structlog

from ingle.control.events.destinations import Destinations
from ingle.control.events.event_queue import Delivery, EventQueue, Onward
from ingle.control.events.processor import Processor
from ingle.functions import LATEST, EventInvokeConfig, Function
from ingle.links.gateway_control import DeliveryRefusedError, Gateway, Invocation, LinkRefusedError
from ingle.queues import (
    Agenda,
    Answered,
    Condition,
    EventNotKeptError,
    FunctionKey,
    Outcome,
    QueuedEvent,
    QueueUnreadableError,
    RetryPolicy,
    Window,
    after_attempt,
    before_attempt,
)
from ingle.sealing import OpenError
from ingle.store import FunctionRepository, SealedEvent
from ingle.values import MIB, Clock, IngleError

_log = structlog.get_logger("ingle.control")
_BYTES_UNDER_WAY = 64 * MIB
_READ_AT_ONCE = 16
_LEAST_PAUSE_MS = 10


@dataclasses.dataclass(slots=True)
class _Lane:
    """The deliveries of one function."""

    function: FunctionKey
    window: Window
    under_way: set[int] = dataclasses.field(default_factory=set)


def policy_of(function: Function, qualifier: str | None) -> RetryPolicy:
    """Return the rules for events of a function that name this qualifier."""
    config = function.event_invoke_configs.get(qualifier or LATEST, EventInvokeConfig())
    return RetryPolicy(maximum_retry_attempts=config.retries, maximum_event_age_s=config.event_age_s)


class Dispatcher:
    """Runs until cancelled; every function with events has a lane."""

    def __init__(
        self,
        queue: EventQueue,
        functions: FunctionRepository,
        gateway: Gateway,
        clock: Clock,
        concurrency_limit: int,
        retry_s: float,
    ) -> None:
        self._queue = queue
        self._functions = functions
        self._gateway = gateway
        self._clock = clock
        self._limit = max(1, concurrency_limit // 2)
        self._retry_s = retry_s
        self._pause_ms = max(_LEAST_PAUSE_MS, round(retry_s * 1000 / 60))
        """Of what fails for no fault of a function's: a second, where the first retry comes after a minute."""
        self._processor = Processor()
        self._destinations = Destinations(queue, functions, clock)
        self._agenda = Agenda()
        self._lanes: dict[FunctionKey, _Lane] = {}
        self._deliveries: dict[asyncio.Task[None], int] = {}
        """What is under way, and how many bytes each holds."""
        self._woken = asyncio.Event()
        self._held_until_ms = 0
        """Nothing is delivered before: the gateway could not be reached."""
        queue.on_due = self._look_at

    async def run(self) -> None:
        """Deliver what is due, until cancelled; then what is under way is given up, to be delivered by a successor."""
        try:
            await self._look_at_all()
            while True:
                self._woken.clear()
                await self._begin_what_is_due()
                await self._sleep()
        finally:
            for task in tuple(self._deliveries):
                task.cancel()
            await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _look_at_all(self) -> None:
        """Look at what an earlier control has left."""
        while True:
            try:
                for function in await self._queue.functions():
                    self._look_at(function)
                return
            except QueueUnreadableError as error:
                _log.error("event.queue_unreadable", reason=str(error))
                await asyncio.sleep(self._pause_ms / 1000)

    def _look_at(self, function: FunctionKey, at_ms: float = 0.0) -> None:
        self._agenda.note(function, at_ms, self._clock.now_ms())
        self._woken.set()

    def _lane(self, function: FunctionKey) -> _Lane:
        lane = self._lanes.get(function)
        if lane is None:
            lane = self._lanes[function] = _Lane(function, Window(limit=max(1, self._limit // 2)))
        return lane

    async def _sleep(self) -> None:
        """Wait until something happens, or the next event is due."""
        delay_s = (max(self._next_look_ms(), self._held_until_ms) - self._clock.now_ms()) / 1000
        try:
            async with asyncio.timeout(max(0.0, delay_s) if math.isfinite(delay_s) else None):
                await self._woken.wait()
        except TimeoutError:
            pass

    def _next_look_ms(self) -> float:
        """Return when there is something to begin; a lane without room comes back when one of its deliveries ends."""
        if not self._has_room():
            return math.inf
        now_ms = self._clock.now_ms()
        is_due = any(self._free(self._lane(function)) for function in self._agenda.due(now_ms))
        return now_ms if is_due else self._agenda.next_ms()

    def _has_room(self) -> bool:
        return len(self._deliveries) < self._limit and sum(self._deliveries.values()) < _BYTES_UNDER_WAY

    def _free(self, lane: _Lane) -> int:
        """Return how many deliveries of a function may begin."""
        function = self._functions.find(*lane.function)
        reserved = function.reserved_concurrency if function is not None else None
        free = lane.window.free(len(lane.under_way))
        return free if not reserved else max(0, min(free, reserved - len(lane.under_way)))

    async def _begin_what_is_due(self) -> None:
        if self._clock.now_ms() < self._held_until_ms:
            return
        for function in self._agenda.due(self._clock.now_ms()):
            if not self._has_room():
                return
            lane = self._lane(function)
            free = min(self._free(lane), self._limit - len(self._deliveries), _READ_AT_ONCE)
            if free > 0:
                await self._begin_some(lane, free)

    async def _begin_some(self, lane: _Lane, count: int) -> None:
        self._agenda.strike(lane.function)
        try:
            due, look_again_ms = await self._queue.due(lane.function, count, frozenset(lane.under_way))
        except QueueUnreadableError as error:
            _log.error("event.queue_unreadable", function=lane.function[2], reason=str(error))
            due, look_again_ms = [], self._clock.now_ms() + self._pause_ms
        for one in due:
            lane.under_way.add(one.event.id)
            task = asyncio.create_task(self._deliver(lane, one))
            self._deliveries[task] = len(one.sealed)
            task.add_done_callback(self._delivered)
        if look_again_ms is not None:
            self._look_at(lane.function, look_again_ms)
        if not lane.under_way:
            self._lanes.pop(lane.function, None)  # it begins with a fresh window

    def _delivered(self, task: asyncio.Task[None]) -> None:
        del self._deliveries[task]
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            _log.error("event.delivery_failed", exc_info=task.exception())

    async def _deliver(self, lane: _Lane, one: SealedEvent) -> None:
        look_at_ms: float = self._clock.now_ms() + self._pause_ms  # of what fails in a way that nobody thought of
        try:
            ended = await self._attempt(lane, one)
            look_at_ms = ended.due_ms if isinstance(ended, QueuedEvent) else 0.0
        except IngleError as error:
            if self._clock.now_ms() >= self._held_until_ms:  # one line tells enough of a gateway that is away
                _log.warning("event.not_delivered", function=str(one.event.arn), reason=str(error))
            self._held_until_ms = self._clock.now_ms() + self._pause_ms
        finally:
            lane.under_way.discard(one.event.id)
            self._look_at(lane.function, look_at_ms)

    async def _attempt(self, lane: _Lane, one: SealedEvent) -> QueuedEvent | Condition | None:
        """Try an event once and keep what came of it; None where its function is gone. Raises IngleError."""
        event = one.event
        function = self._functions.find(*lane.function)
        if function is None:
            await self._queue.forget(event.arn)
            return None
        if function.version_of(event.arn.qualifier) is None:
            return await self._settle(event, Condition.QUALIFIER_GONE)
        try:
            delivery = await self._queue.open(one)
        except OpenError:
            return await self._settle(event, Condition.UNREADABLE)
        if delivery is None:
            return None
        policy, answered = policy_of(function, event.arn.qualifier), None
        result: QueuedEvent | Condition | None = self._destinations.recursion(
            function, event, delivery
        ) or before_attempt(event, policy, function.reserved_concurrency, self._clock.now_ms())
        if result is None:
            outcome, answered = await self._invoke(lane, event, delivery)
            result = after_attempt(event, outcome, policy, self._retry_s, self._clock.now_ms())
        if isinstance(result, QueuedEvent):
            return await self._settle(event, result)
        return await self._settle(event, result, self._destinations.onward(event, result, delivery, answered))

    async def _settle(
        self, event: QueuedEvent, result: QueuedEvent | Condition, onward: Onward | None = None
    ) -> QueuedEvent | Condition:
        """Keep what came of an attempt, however long the disk refuses: until then the event must not run again."""
        while True:
            try:
                if isinstance(result, QueuedEvent):
                    await self._queue.put_back(result)
                else:
                    await self._queue.end(event, result, onward)
                return result
            except EventNotKeptError as error:
                _log.error("event.not_settled", function=str(event.arn), reason=str(error))
                await asyncio.sleep(self._pause_ms / 1000)

    async def _invoke(self, lane: _Lane, event: QueuedEvent, delivery: Delivery) -> tuple[Outcome, Answered | None]:
        """Return how an attempt went, and what the function answered where a destination may want to know."""
        invocation = Invocation(
            request_id=event.request_id.encode(),
            arn=str(event.arn).encode(),
            trace=delivery.trace,
            tenant=delivery.tenant.decode(),
            payload=delivery.payload,
        )
        began_s = time.monotonic()
        keeps = self._destinations.are_configured(event)
        try:
            answer = await self._gateway.deliver(invocation, keeps_answer=keeps)
        except (DeliveryRefusedError, LinkRefusedError):
            lane.window = lane.window.after_refusal()
            return Outcome.REFUSED, None
        lane.window = lane.window.after_answer(time.monotonic() - began_s, self._processor.idle_share())
        answered = Answered(
            executed_version=answer.executed_version, function_error=answer.function_error, payload=answer.payload
        )
        return Outcome.FAILED if answer.function_error else Outcome.SUCCEEDED, answered
