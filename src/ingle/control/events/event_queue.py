"""Asynchronous events on their way to disk and back: sealed, and durable before they are acknowledged.

A commit costs the disk a few milliseconds whatever is in it, so all that arrives during one goes into the next (group
commit). One thread has the database; nothing else of control waits for it.
"""

import asyncio
import dataclasses
import functools
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import structlog

from ingle.control.code.code_store import context_of
from ingle.keys import Keyring
from ingle.queues import (
    Condition,
    EventNotKeptError,
    FunctionKey,
    QueuedEvent,
    QueueFullError,
    QueueStatistics,
    Quota,
    QuotaLimits,
)
from ingle.sealing import OVERHEAD_BYTES, DataKey, open_sealed, seal
from ingle.store import EventRepository, SealedEvent
from ingle.values import Clock, FunctionArn

_log = structlog.get_logger("ingle.control")
_SEALS_LIMIT = 1 << 24
"""After so many events a function gets another data key, far below what random nonces are good for."""
_OPENED_LIMIT = 1024
_Change = Callable[[], None]
_T = TypeVar("_T")


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed of an event."""

    trace: bytes
    payload: bytes
    tenant: bytes = b""

    def __repr__(self) -> str:
        return f"Delivery({len(self.payload)} bytes)"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """An event that follows from the end of another: its destination's."""

    arn: FunctionArn
    request_id: str
    delivery: Delivery


@dataclasses.dataclass(slots=True)
class _SealingKey:
    id: str
    key: DataKey
    seals: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Pending:
    changes: Sequence[_Change]
    done: asyncio.Future[None]
    then: Callable[[], None]


def _event_context(arn: FunctionArn, request_id: str) -> dict[str, str]:
    return {**context_of(arn), "ingle:object": "event", "ingle:request": request_id}


def _key_of(arn: FunctionArn) -> FunctionKey:
    return arn.account, arn.region, arn.name


def _nothing() -> None:
    pass


class EventQueue:
    """The events of all functions; `on_due` is told of a function whose events the dispatcher should look at."""

    def __init__(
        self, repository: EventRepository, keyring: Keyring, clock: Clock, limits: QuotaLimits | None = None
    ) -> None:
        """Raises QueueUnreadableError."""
        repository.remove_unused_keys()
        self._quota = Quota(limits or QuotaLimits(), repository.sizes())
        self._repository = repository
        self._keyring = keyring
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "events")
        self._pending: list[_Pending] = []
        self._writer: asyncio.Task[None] | None = None
        self._sealing: dict[FunctionKey, _SealingKey] = {}
        self._opened: dict[str, DataKey] = {}
        self._accepted = 0
        self._dropped: Counter[str] = Counter()
        self._reported = self._unreported = 0
        self.on_due: Callable[[FunctionKey], None] = lambda function: None

    async def accept(self, arn: FunctionArn, request_id: str, delivery: Delivery) -> None:
        """Keep an event; durable on return. Raises EventNotKeptError, of which QueueFullError is one."""
        try:
            await self._add(arn, request_id, delivery)
            self._accepted += 1
        except EventNotKeptError as error:
            _log.error("event.not_kept", function=str(arn), reason=str(error))
            raise

    async def _add(
        self, arn: FunctionArn, request_id: str, delivery: Delivery, with_it: Sequence[_Change] = ()
    ) -> None:
        """Add an event, and make other changes in the same commit. Raises EventNotKeptError."""
        function, encoded = _key_of(arn), msgspec.msgpack.encode(delivery)
        size = len(encoded) + OVERHEAD_BYTES
        self._quota.take(function, size)  # before a key is made, which nobody would keep where there is no room
        try:
            additions = self._additions(arn, request_id, encoded)
            await self._commit([*with_it, *additions], lambda: self.on_due(function))
        except EventNotKeptError:
            self._quota.give_back(function, size)
            self._sealing.pop(function, None)  # its wrapped form may not be on disk
            raise

    def _additions(self, arn: FunctionArn, request_id: str, encoded: bytes) -> list[_Change]:
        """Return what must be written for an event to be kept; `encoded` is its delivery."""
        now_ms = self._clock.now_ms()
        event = QueuedEvent(id=0, arn=arn, request_id=request_id, accepted_ms=now_ms, due_ms=now_ms)
        sealing, changes = self._sealing_key(arn)
        sealed = seal(encoded, sealing.key, _event_context(arn, request_id))
        return [*changes, functools.partial(self._repository.add, event, sealing.id, sealed)]

    def _sealing_key(self, arn: FunctionArn) -> tuple[_SealingKey, list[_Change]]:
        """Return the key for a function's next event, and what must be written before it is used."""
        function = _key_of(arn)
        held = self._sealing.get(function)
        if held is not None and held.seals < _SEALS_LIMIT:
            held.seals += 1
            return held, []
        key, wrapped = self._keyring.generate_data_key(context_of(arn))
        made = self._sealing[function] = _SealingKey(uuid.uuid4().hex, key, 1)
        return made, [functools.partial(self._repository.add_key, made.id, function, wrapped)]

    async def put_back(self, event: QueuedEvent) -> None:
        """Keep when an event is to be tried again. Raises EventNotKeptError."""
        await self._commit([functools.partial(self._repository.put_back, event)])

    async def end(self, event: QueuedEvent, condition: Condition, onward: Onward | None = None) -> None:
        """Forget an event that has ended, and keep in the same commit the event by which a destination hears of it.

        One that failed leaves a line in the log. Raises EventNotKeptError.
        """
        changes: list[_Change] = [functools.partial(self._repository.remove, event.id)]
        if onward is None or not await self._end_onward(changes, onward):
            await self._commit(changes)
        self._quota.give_back(_key_of(event.arn), event.sealed_bytes)
        if condition is not Condition.SUCCESS:
            self._dropped[condition] += 1
            _log.warning(
                "event.dropped",
                function=str(event.arn),
                request_id=event.request_id,
                condition=condition,
                retries=event.failures,
                age_ms=self._clock.now_ms() - event.accepted_ms,
            )

    async def _end_onward(self, changes: list[_Change], onward: Onward) -> bool:
        """Commit the end of an event with the record for its destination; False where that one's queue is full."""
        try:
            await self._add(onward.arn, onward.request_id, onward.delivery, changes)
        except QueueFullError as error:
            self.note_unreported()
            _log.warning("event.record_lost", destination=str(onward.arn), reason=str(error))
            return False
        self._reported += 1
        return True

    def note_unreported(self) -> None:
        """Count a record that no destination could be given."""
        self._unreported += 1

    async def forget(self, arn: FunctionArn) -> None:
        """Delete the events of a function that is gone, with their keys."""
        function = _key_of(arn)
        self._sealing.pop(function, None)
        self._opened.clear()
        await self._commit([functools.partial(self._repository.forget, function)])
        self._quota.forget(function)

    async def functions(self) -> list[FunctionKey]:
        """Return the functions that have events."""
        return await self._on_thread(self._repository.functions)

    async def due(
        self, function: FunctionKey, count: int, under_way: frozenset[int]
    ) -> tuple[list[SealedEvent], int | None]:
        """Return events that are due, and when to ask again, as `EventRepository.due` does."""
        return await self._on_thread(self._repository.due, function, self._clock.now_ms(), count, under_way)

    async def open(self, one: SealedEvent) -> Delivery | None:
        """Return what is to be delivered, or None where the function was deleted meanwhile. Raises OpenError."""
        arn = one.event.arn
        key = self._opened.get(one.key_id)
        if key is None:
            wrapped = await self._on_thread(self._repository.find_key, one.key_id)
            if wrapped is None:
                return None
            if len(self._opened) >= _OPENED_LIMIT:
                self._opened.clear()
            key = self._opened[one.key_id] = self._keyring.unwrap(wrapped, context_of(arn))
        document = open_sealed(one.sealed, key, _event_context(arn, one.event.request_id))
        return msgspec.msgpack.decode(document, type=Delivery)

    async def statistics(self) -> QueueStatistics:
        found = await self._on_thread(self._repository.statistics)
        return msgspec.structs.replace(
            found,
            accepted=self._accepted,
            dropped=dict(self._dropped),
            reported=self._reported,
            unreported=self._unreported,
        )

    async def _on_thread(self, act: Callable[..., _T], *arguments: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *arguments)

    async def _commit(self, changes: Sequence[_Change], then: Callable[[], None] = _nothing) -> None:
        """Make changes durable, together with whatever else is to be written now; `then` is called once they are."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.append(_Pending(changes, done, then))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        try:
            await done
        finally:
            del done  # an error in it names the frames that it went through: they must not name it, or events stay

    async def _write(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            try:
                await self._write_batch(batch)
            except EventNotKeptError:
                await self._write_one_by_one(batch)
        self._writer = None

    async def _write_one_by_one(self, batch: list[_Pending]) -> None:
        """What can't be kept must not take the others along."""
        for one in batch:
            try:
                await self._write_batch([one])
            except EventNotKeptError as error:
                _settle(one, str(error))

    async def _write_batch(self, batch: list[_Pending]) -> None:
        await self._on_thread(self._repository.commit, [change for one in batch for change in one.changes])
        for one in batch:
            one.then()
            _settle(one, None)

    async def close(self) -> None:
        """Write what is pending and close the database."""
        if self._writer is not None:
            await self._writer
        await self._on_thread(self._repository.close)
        self._thread.shutdown()


def _settle(one: _Pending, failure: str | None) -> None:
    if one.done.done():  # its caller went away
        return
    if failure is None:
        one.done.set_result(None)
    else:
        one.done.set_exception(EventNotKeptError(failure))  # one that knows no frame of ours, where they are pending
