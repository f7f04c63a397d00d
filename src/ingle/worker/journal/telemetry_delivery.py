"""Telemetry on its way to extensions: gathered for each subscriber, sent over the environment's own loopback.

A subscriber is customer code: it may be slow, silent, or gone. What waits for it is bounded, for itself and for its
environment together; beyond that records are dropped and counted, and the next batch begins by saying so. A batch that
was not taken is sent again until it is. While the environment is frozen nothing is begun.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable

from ingle.worker.journal.journal import Source
from ingle.worker.journal.platform_events import LogsDropped, PlatformEvent
from ingle.worker.journal.subscriptions import Subscription
from ingle.worker.journal.telemetry_records import render_event, render_line

PENDING_LIMIT_BYTES = 4 << 20
"""What may wait for all subscribers of one environment together."""
_HISTORY_LIMIT = 200
_HISTORY_LIMIT_BYTES = 64 << 10
_ANSWER_LIMIT_BYTES = 8 << 10
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 2.0
_FALLEN_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."

Connect = Callable[[int], Awaitable[socket.socket]]


class TelemetryHub:
    """All that is told of one environment, for those of its extensions that have subscribed.

    `connect` makes a connection to a port within the environment, and raises OSError.
    """

    def __init__(self, connect: Connect, *, is_json: bool) -> None:
        self.connect = connect
        self.thawed = asyncio.Event()
        self.thawed.set()
        self.pending_bytes = 0
        self._is_json = is_json
        self._is_open = False
        self._history: list[Callable[[Subscriber], None]] = []
        self._history_bytes = 0
        self._subscribers: dict[str, Subscriber] = {}

    # subscriptions

    @property
    def is_open(self) -> bool:
        """Whether extensions may subscribe: during init."""
        return self._is_open

    def begin(self) -> None:
        """Begin an init: nobody has subscribed, and who does gets what has been told since now."""
        self.stop()
        self.thaw()  # a process that ended while all was frozen is why it begins again
        self._is_open = True

    def close(self) -> None:
        """End the init: nobody subscribes any more."""
        self._is_open = False
        self._history.clear()
        self._history_bytes = 0

    def subscription_of(self, name: str) -> Subscription | None:
        subscriber = self._subscribers.get(name)
        return subscriber.subscription if subscriber is not None else None

    def subscribe(self, name: str, subscription: Subscription) -> None:
        """Let an extension have what it wants, instead of what it wanted before."""
        subscriber = self._subscribers.get(name)
        if subscriber is not None:
            subscriber.subscription = subscription
            return
        self._subscribers[name] = subscriber = Subscriber(self, subscription)
        for tell in self._history:
            tell(subscriber)

    # what is told

    def hear_event(self, event: PlatformEvent, at_ms: int) -> None:
        if self._is_open or self._subscribers:
            self._publish(lambda subscriber: subscriber.tell(event, at_ms), 0)

    def hear_line(self, source: Source, at_ms: int, message: bytes) -> None:
        if self._is_open or self._subscribers:
            is_json = self._is_json and source == "function"
            self._publish(lambda subscriber: subscriber.say(source, at_ms, message, is_json=is_json), len(message))

    def _publish(self, tell: "Callable[[Subscriber], None]", size_bytes: int) -> None:
        for subscriber in self._subscribers.values():
            tell(subscriber)
        fits = self._history_bytes + size_bytes <= _HISTORY_LIMIT_BYTES and len(self._history) < _HISTORY_LIMIT
        if self._is_open and fits:
            self._history.append(tell)
            self._history_bytes += size_bytes

    # the environment's life

    def freeze(self) -> None:
        """Begin nothing until `thaw`: nobody would answer."""
        self.thawed.clear()

    def thaw(self) -> None:
        self.thawed.set()

    async def flush(self, seconds: float) -> None:
        """Send all that waits; return when it has been taken, or after some time."""
        for subscriber in self._subscribers.values():
            subscriber.flush()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for subscriber in tuple(self._subscribers.values()):
                    await subscriber.is_idle.wait()

    def stop(self) -> None:
        """Forget all subscribers and what waits for them."""
        for subscriber in self._subscribers.values():
            subscriber.stop()
        self._subscribers.clear()
        self.pending_bytes = 0
        self.close()


class Subscriber:
    """One extension's subscription: what waits for it, and the task that sends it."""

    def __init__(self, hub: TelemetryHub, subscription: Subscription) -> None:
        self.subscription = subscription
        self.is_idle = asyncio.Event()
        """Set while nothing waits and nothing is under way."""
        self.is_idle.set()
        self._hub = hub
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._dropped = 0
        self._dropped_bytes = 0
        self._is_due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._link: socket.socket | None = None
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._run())

    def tell(self, event: PlatformEvent, at_ms: int) -> None:
        """Take an event of the platform's, if it is wanted."""
        if "platform" in self.subscription.types:
            for piece in render_event(event, at_ms, self.subscription.schema):
                self._add(piece)

    def say(self, source: Source, at_ms: int, message: bytes, *, is_json: bool) -> None:
        """Take what a function or an extension has written, if it is wanted."""
        if source in self.subscription.types:
            self._add(render_line(source, at_ms, message, self.subscription.schema, is_json=is_json))

    def _add(self, piece: bytes) -> None:
        wanted, size = self.subscription, len(piece)
        is_over = self._size_bytes + size > 2 * wanted.max_bytes or len(self._pieces) >= 2 * wanted.max_items
        if is_over or self._hub.pending_bytes + size > PENDING_LIMIT_BYTES:
            self._dropped += 1
            self._dropped_bytes += size
            return
        self._pieces.append(piece)
        self._size_bytes += size
        self._hub.pending_bytes += size
        self.is_idle.clear()
        if self._size_bytes >= wanted.max_bytes or len(self._pieces) >= wanted.max_items:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(wanted.timeout_ms / 1000, self.flush)

    def flush(self) -> None:
        """Send what waits as soon as possible."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._is_due.set()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._task.cancel()

    async def _run(self) -> None:
        try:
            while True:
                await self._is_due.wait()
                self._is_due.clear()
                while self._pieces:
                    batch, size_bytes = self._take()
                    await self._deliver(batch)
                    self._hub.pending_bytes -= size_bytes
                self.is_idle.set()
        finally:
            self._hang_up()

    def _take(self) -> tuple[list[bytes], int]:
        limit = self.subscription.max_items
        batch, self._pieces = self._pieces[:limit], self._pieces[limit:]
        size_bytes = sum(map(len, batch))
        self._size_bytes -= size_bytes
        if self._dropped:
            dropped = LogsDropped(reason=_FALLEN_BEHIND, records=self._dropped, size_bytes=self._dropped_bytes)
            self._dropped = self._dropped_bytes = 0
            batch[:0] = render_event(dropped, time.time_ns() // 1_000_000, self.subscription.schema)
        return batch, size_bytes

    async def _deliver(self, batch: list[bytes]) -> None:
        """Send a batch until it is taken."""
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._hub.thawed.wait()
            try:
                await (self._post(batch) if self.subscription.is_http else self._write(batch))
            except (OSError, ValueError):  # a number in its answer may have any length
                self._hang_up()
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                return

    async def _post(self, batch: list[bytes]) -> None:
        """Send a batch as an array. Raises OSError where the subscriber doesn't say that it has it."""
        wanted, body = self.subscription, b"[%b]" % b",".join(batch)
        head = (
            f"{wanted.method} {wanted.path} HTTP/1.1\r\nHost: {wanted.host}:{wanted.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self._hang_up()
        self._link = await self._hub.connect(wanted.port)
        try:
            await self._loop.sock_sendall(self._link, head.encode() + body)
            await self._read_answer(self._link)
        finally:
            self._hang_up()

    async def _read_answer(self, link: socket.socket) -> None:
        """Read an answer to its end, which the subscriber makes by closing or has told in Content-Length."""
        answer = b""
        while len(answer) < _ANSWER_LIMIT_BYTES and not _is_whole(answer):
            piece = await self._loop.sock_recv(link, 4096)
            if not piece:
                break
            answer += piece
        status = answer.partition(b"\r\n")[0].split(b" ")[1:2]
        if not status or not status[0].isdigit() or not 200 <= int(status[0]) < 400:
            raise ConnectionAbortedError("the subscriber did not take the batch")

    async def _write(self, batch: list[bytes]) -> None:
        """Send a batch as lines over a connection that stays. Raises OSError."""
        port = self.subscription.port
        if self._link is not None and self._link.getpeername()[1] != port:
            self._hang_up()
        if self._link is None:
            self._link = await self._hub.connect(port)
        await self._loop.sock_sendall(self._link, b"".join(b"%b\n" % piece for piece in batch))

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def _is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    if not end:
        return False
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
    return False
