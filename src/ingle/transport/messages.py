"""What requests and responses have in common.

Why a message broke off is kept here as a text, never as an exception: an exception that is stored and raised keeps its
traceback, and with it the frames of its readers and all that they have read. Each reader gets a fresh one.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from ingle.values import IngleError

Headers = Sequence[tuple[bytes, bytes]]


class BodyTooLargeError(IngleError):
    """A body is larger than its reader takes."""


class DisconnectedError(IngleError):
    """The peer went away before the message was whole."""


class IncomingBody:
    """A body as it arrives: what one read of its connection brought (at most 256 KiB) waits here, and while it waits
    nothing more is read.

    `pause` and `resume` act on the connection; `wanted` is called when the first reader comes.
    """

    __slots__ = ("_pause", "_resume", "_waiter", "ended", "failure", "paused", "pieces", "wanted")

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self.pieces: deque[bytes] = deque()
        self.ended = False
        self.failure: str | None = None
        """Why it broke off, where it did."""
        self.paused = False
        self.wanted: Callable[[], None] | None = None
        self._pause = pause
        self._resume = resume
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        self.pieces.append(data)
        self._wake()

    def hold(self) -> None:
        """Read no more until what is here has been taken; for the connection to call when it has parsed a read."""
        if self.pieces and not self.ended and not self.paused:
            self.paused = True
            self._pause()

    def end(self, failure: str | None = None) -> None:
        """Say that nothing more comes; the reader hears of a `failure` after what has arrived.

        The connection reads on, whoever reads what is left here: the next message may be waited for already.
        """
        if not self.ended:
            self.ended = True
            self.failure = failure
            if self.paused:
                self.paused = False
                self._resume()
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    @property
    def whole(self) -> bytes | None:
        """The whole body if it is here already, else None; the pieces stay."""
        if not self.ended or self.failure is not None:
            return None
        if len(self.pieces) == 1:
            return self.pieces[0]
        return b"".join(self.pieces)

    async def next_piece(self) -> bytes:
        """Return the next piece, or empty bytes at the end; raises DisconnectedError where the body broke off."""
        if self.wanted is not None and not self.pieces and not self.ended:
            wanted, self.wanted = self.wanted, None
            wanted()
        while not self.pieces:
            if self.ended:
                if self.failure is not None:
                    raise DisconnectedError(self.failure)
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        piece = self.pieces.popleft()
        if self.paused and not self.pieces:
            self.paused = False
            self._resume()
        return piece

    async def chunks(self) -> AsyncIterator[bytes]:
        while piece := await self.next_piece():
            yield piece

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError above `limit` bytes."""
        pieces, total = [], 0
        while piece := await self.next_piece():
            pieces.append(piece)
            total += len(piece)
            if total > limit:
                raise BodyTooLargeError(f"the body is larger than {limit} bytes")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class WriteGate:
    """Lets a writer wait while its peer is slow to read."""

    __slots__ = ("_failure", "_waiters", "closed")

    def __init__(self) -> None:
        self.closed = False
        self._failure: str | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def pause(self) -> None:
        self.closed = True

    def resume(self) -> None:
        self.closed = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def fail(self, failure: str) -> None:
        """Let nobody write any more."""
        self._failure = failure
        self.resume()

    async def wait(self) -> None:
        """Return once more may be written; raises DisconnectedError once it has failed."""
        while self.closed and self._failure is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self._failure is not None:
            raise DisconnectedError(self._failure)
