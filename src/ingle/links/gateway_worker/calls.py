"""The calls of the link, as each end sees them.

Every call of a gateway may raise ConnectionFailedError where nothing was sent, DisconnectedError where no answer came, and
LinkRefusedError where the worker has failed: all of them are IngleErrors.
"""

from collections.abc import AsyncIterator
from typing import Protocol

from ingle.environments import VersionKey
from ingle.links.gateway_worker.messages import (
    Change,
    Ending,
    EnvironmentReport,
    EnvironmentStarted,
    Fate,
    PoolLevel,
    StartEnvironment,
)
from ingle.links.invocation import Invocation
from ingle.values import IngleError


class StartRefusedError(IngleError):
    """The worker could not start an environment; `code` is what a caller is told, empty for the usual error."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class CannotServeError(IngleError):
    """The environment is gone or not free; the invocation has not reached it."""


class Orders(Protocol):
    """The calls that look the same from both ends. Environments are named by their ids, in ASCII."""

    async def start(self, wanted: StartEnvironment) -> EnvironmentStarted:
        """Start an environment and run its init. Raises StartRefusedError."""
        ...

    async def settle(self, identifier: bytes) -> bool:
        """Return True once an environment can serve again, False where it never will."""
        ...

    async def end(self, identifier: bytes) -> None:
        """Have an environment end, after the invocation that it serves."""
        ...

    async def reset(self) -> None:
        """End every environment and forget every template: a gateway begins anew. Returns when nothing is left."""
        ...

    async def prepare(self, runtime: str) -> None:
        """Warm up a runtime."""
        ...

    async def want_template(self, version: VersionKey) -> None:
        """Hold a template of a version; what came of it, the worker tells control."""
        ...

    async def forget_template(self, version: VersionKey) -> None:
        """Hold a version's template no more."""
        ...

    async def report_environments(self) -> list[EnvironmentReport]:
        """Return what each environment is doing and using, oldest first."""
        ...

    async def report_pools(self) -> list[PoolLevel]:
        """Return the levels of the blank environments."""
        ...

    async def is_ready(self) -> bool:
        """Return whether the worker can start environments."""
        ...

    def changes(self) -> AsyncIterator[Change]:
        """Tell of what happens by itself, until the link breaks. One gateway listens at a time."""
        ...


class Answer(Protocol):
    """What the function answers, as soon as its head is here."""

    @property
    def content_type(self) -> bytes: ...

    @property
    def function_error(self) -> bytes:
        """`Unhandled` where the function has failed and nothing was streamed, else empty."""
        ...

    @property
    def log_result(self) -> bytes:
        """The last lines of the log in base64, where the caller wanted them and nothing was streamed."""
        ...

    @property
    def fate(self) -> Fate:
        """What becomes of the environment, where the body is whole; of a stream, `ending` tells."""
        ...

    @property
    def body_nowait(self) -> bytes | None:
        """The whole body where it has arrived already, else None."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Iterate over the body as it arrives; raises DisconnectedError if it breaks off."""
        ...

    async def read(self, limit: int) -> bytes:
        """Return the whole body; raises BodyTooLargeError, or DisconnectedError if it breaks off."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether the body has come to its end, read or not."""
        ...

    @property
    def ending(self) -> Ending:
        """How the invocation ended; only where `is_whole`."""
        ...

    def close(self) -> None:
        """Give up an answer that is not read to its end; the worker sees that the caller is gone."""
        ...


class Worker(Orders, Protocol):
    """A worker, as a gateway has it."""

    async def invoke(self, identifier: bytes, invocation: Invocation) -> Answer:
        """Have an environment serve, and return as soon as it begins to answer. Raises CannotServeError."""
        ...


class Caller(Protocol):
    """Who waits for the answer of one invocation, as the worker has it: `answer`, or `begin`, `write` and `end`, or `cut`.

    A caller that is gone is no error, except to `write`.
    """

    @property
    def has_begun(self) -> bool:
        """Whether anything was answered."""
        ...

    @property
    def is_gone(self) -> bool: ...

    def answer(self, body: bytes, fate: Fate, *, has_failed: bool = False, log_result: bytes = b"") -> None:
        """Give the whole answer, which is JSON."""
        ...

    def begin(self, content_type: bytes) -> None:
        """Begin an answer whose body follows by `write`."""
        ...

    async def write(self, piece: bytes) -> None:
        """Give a piece; waits while the caller is slow to take it. Raises DisconnectedError."""
        ...

    def end(self, ending: Ending) -> None:
        """End an answer that was begun."""
        ...

    def cut(self) -> None:
        """Leave the caller without an answer, or without the rest of one."""
        ...


class WorkerHandler(Orders, Protocol):
    """What the worker's door gives its calls to."""

    def invoke(self, identifier: bytes, invocation: Invocation, caller: Caller) -> bool:
        """Have an environment serve, which answers `caller` later; False where it can't, and `caller` is left alone."""
        ...
