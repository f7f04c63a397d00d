"""Which environment serves: pure bookkeeping for one version, no I/O and no clock of its own.

An arrival takes the environment that was used last, so that those not needed grow old and can go. Where none is idle
it waits, and one more is started unless enough are on their way. Whichever comes first - a new one or one that falls
idle - serves the one that has waited longest.
"""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable

from ingle.environments import Event, State, VersionKey, advance
from ingle.links.gateway_worker import Worker


@dataclasses.dataclass(slots=True, eq=False)
class Environment:
    """An environment as the gateway knows it."""

    identifier: str
    key: VersionKey
    worker: Worker
    state: State
    born_ns: int = 0
    idle_since_ns: int = 0
    is_provisioned: bool = False
    """Whether it is one of those that are kept initialised, whether or not anybody needs them."""
    name: bytes = b""
    """The identifier as it goes over the link."""

    def __post_init__(self) -> None:
        self.name = self.identifier.encode()


class Pool:
    """The environments of one version and the arrivals that wait for one."""

    __slots__ = (
        "busy", "failure", "idle", "is_retired", "paused_until_ns", "provisioned", "provisioning", "ready", "starting",
        "waiting", "wanted",
    )  # fmt: skip

    def __init__(self) -> None:
        self.idle: list[Environment] = []
        self.busy: set[Environment] = set()
        self.waiting: deque[asyncio.Future[Environment]] = deque()
        self.starting = 0
        self.is_retired = False
        """Whether the version is no longer served: its environments end when they have finished."""
        self.wanted = 0
        """How many provisioned environments there shall be; those that are idle are `ready`."""
        self.provisioned: set[Environment] = set()
        self.ready: list[Environment] = []
        self.provisioning = 0
        self.failure = ""
        """Why the last provisioned environment could not be made, as AWS names it."""
        self.paused_until_ns = 0

    @property
    def is_empty(self) -> bool:
        return not (
            self.idle or self.busy or self.waiting or self.starting or self.wanted or self.ready or self.provisioning
        )

    @property
    def size(self) -> int:
        """How many environments there are or are being made."""
        return len(self.idle) + len(self.busy) + self.starting

    def take_nowait(self) -> Environment | None:
        """Return the idle environment used last, now busy, provisioned ones first; None where there is none."""
        if self.ready:
            return self._occupy(self.ready.pop())
        if not self.idle:
            return None
        return self._occupy(self.idle.pop())

    def _occupy(self, environment: Environment) -> Environment:
        environment.state = advance(environment.state, Event.INVOKE_STARTED)
        self.busy.add(environment)
        return environment

    @property
    def is_awaited(self) -> bool:
        """Whether an arrival waits; one that has given up waits no more."""
        return any(not waiting.done() for waiting in self.waiting)

    def needs_start(self) -> bool:
        """Say whether more wait than are being started."""
        return sum(not waiting.done() for waiting in self.waiting) > self.starting

    def offer(self, environment: Environment, now_ns: int) -> None:
        """Give an environment that can serve to whoever has waited longest, or keep it idle."""
        self.busy.discard(environment)
        while self.waiting:
            waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_result(self._occupy(environment))
                return
        environment.idle_since_ns = now_ns
        (self.ready if environment.is_provisioned else self.idle).append(environment)

    def refuse(self, error: Exception) -> None:
        """Tell whoever has waited longest that its environment could not be started."""
        while self.waiting:
            waiting = self.waiting.popleft()
            if not waiting.done():
                waiting.set_exception(error)
                return

    def remove(self, environment: Environment) -> None:
        """Forget an environment that is gone."""
        self.busy.discard(environment)
        self.provisioned.discard(environment)
        for idle in (self.idle, self.ready):
            if environment in idle:
                idle.remove(environment)

    def release(self, environments: list[Environment], count: int) -> list[Environment]:
        """Let go `count` provisioned environments of these, idle ones first; return those that can end now.

        The others serve to their end and are on demand from then on.
        """
        chosen = sorted(environments, key=lambda one: (one in self.busy, one.idle_since_ns))[:count]
        for environment in chosen:
            environment.is_provisioned = False
            self.provisioned.discard(environment)
        ended = [one for one in chosen if one not in self.busy]
        for environment in ended:
            self.ready.remove(environment)
        return ended

    def take_out(self, is_over: Callable[[Environment], bool]) -> list[Environment]:
        """Take out and return the idle ones on demand that are over."""
        over = [one for one in self.idle if is_over(one)]
        if over:
            gone = set(over)
            self.idle = [one for one in self.idle if one not in gone]
        return over
