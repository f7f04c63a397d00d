"""The link of a gateway with a worker: orders about environments, and invocations."""

from ingle.links.endpoint import Endpoint
from ingle.links.gateway_worker.calls import (
    Answer,
    Caller,
    CannotServeError,
    Orders,
    StartRefusedError,
    Worker,
    WorkerHandler,
)
from ingle.links.gateway_worker.client import WorkerClient
from ingle.links.gateway_worker.door import WorkerDoor
from ingle.links.gateway_worker.memory import MemoryWorker
from ingle.links.gateway_worker.messages import (
    GONE,
    IDLE,
    SETTLING,
    Change,
    Ending,
    EnvironmentGone,
    EnvironmentReport,
    EnvironmentStarted,
    Fate,
    PoolLevel,
    StartEnvironment,
    WorkerLeaving,
)
from ingle.links.invocation import Invocation
from ingle.links.link import LinkRefusedError

__all__ = [
    "GONE",
    "IDLE",
    "SETTLING",
    "Answer",
    "Caller",
    "CannotServeError",
    "Change",
    "Ending",
    "Endpoint",
    "EnvironmentGone",
    "EnvironmentReport",
    "EnvironmentStarted",
    "Fate",
    "Invocation",
    "LinkRefusedError",
    "MemoryWorker",
    "Orders",
    "PoolLevel",
    "StartEnvironment",
    "StartRefusedError",
    "Worker",
    "WorkerClient",
    "WorkerDoor",
    "WorkerHandler",
    "WorkerLeaving",
]
