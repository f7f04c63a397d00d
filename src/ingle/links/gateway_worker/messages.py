"""What a gateway and a worker tell each other."""

import enum

import msgspec

from ingle.environments import ON_DEMAND, VersionKey


class StartEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An order for one environment."""

    version: VersionKey
    initialization_type: str = ON_DEMAND


class EnvironmentStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's answer once init is over; `init_failed`: its first invocation begins with another init."""

    environment_id: str
    init_failed: bool
    init_ns: int = 0
    serves_once: bool = False
    """Whether it is gone after its first invocation, for which it was made."""


class NotStarted(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's answer where none could be started; `code` is what a caller is told, empty for the usual error."""

    message: str
    code: str = ""


class EnvironmentReport(msgspec.Struct, frozen=True, kw_only=True):
    """One environment as its worker sees it now.

    None of memory and processor time: the host doesn't tell.
    """

    id: str
    region: str
    function: str
    version: str
    state: str
    memory_bytes: int | None
    cpu_us: int | None
    age_s: float
    invocations: int
    tenant: str | None = None


class PoolLevel(msgspec.Struct, frozen=True, kw_only=True):
    """How many blank environments of a runtime are ready and how many shall be."""

    runtime: str
    ready: int
    wanted: int


class EnvironmentGone(msgspec.Struct, frozen=True, kw_only=True, tag="gone"):
    """An environment has ended."""

    environment_id: str


class WorkerLeaving(msgspec.Struct, frozen=True, kw_only=True, tag="leaving"):
    """The worker makes no other environments any more."""


Change = EnvironmentGone | WorkerLeaving
"""What a worker tells without being asked."""


class Fate(enum.Enum):
    """What becomes of an environment that has answered."""

    IDLE = b""
    """It can serve again."""
    SETTLING = b"settling"
    """The answer is whole, but the environment can't serve yet: the gateway asks when it can."""
    GONE = b"gone"
    """It serves no more."""


IDLE, SETTLING, GONE = Fate
"""Names of their own, because each look into an enumeration costs 0.2 us in Python 3.11."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an invocation ended, as far as that is known only after its answer's last byte."""

    fate: Fate
    error_code: bytes = b""
    """Of a stream that did not end well, as InvokeComplete has it."""
    error_details: bytes = b""
    log_result: bytes = b""
    """The last lines of the log, in base64."""
