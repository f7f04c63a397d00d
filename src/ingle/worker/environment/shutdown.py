"""The end of what runs in an environment: who is told, in which order, and how long each has.

Nobody is told where there are no extensions. Else the runtime gets SIGTERM first, then external extensions that want to
hear of it their SHUTDOWN event; whoever is left at the end is killed (execution reference, section 2, "Shutdown").
"""

import asyncio
import dataclasses
import time
from collections.abc import Collection

import msgspec

from ingle.worker.apis.extensions import SHUTDOWN, Extensions
from ingle.worker.drivers import RUNTIME, Processes
from ingle.worker.journal.telemetry_delivery import TelemetryHub

_FLUSH_S = 0.2
"""How long the telemetry that waits may take before extensions hear of the end."""
SPINDOWN, TIMEOUT, FAILURE = "SPINDOWN", "TIMEOUT", "FAILURE"


@dataclasses.dataclass(frozen=True, slots=True)
class ShutdownPlan:
    """How long a shutdown may take, and how much of it the runtime has."""

    total_s: float
    runtime_s: float


def plan_shutdown(extensions: Extensions) -> ShutdownPlan:
    """Return what the extensions that are there give time for."""
    if not len(extensions):
        return ShutdownPlan(0.0, 0.0)
    return ShutdownPlan(2.0, 0.3) if extensions.has_external else ShutdownPlan(0.5, 0.5)


class Living:
    """The numbers of the processes that have been started and have not ended."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._changed = asyncio.Event()

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def started(self, number: int) -> None:
        self._numbers.add(number)

    def ended(self, number: int) -> None:
        self._numbers.discard(number)
        self._changed.set()

    async def wait_until_gone(self, numbers: Collection[int], seconds: float) -> None:
        """Return when none of them runs any more, or after some time."""
        try:
            async with asyncio.timeout(seconds):
                while not self._numbers.isdisjoint(numbers):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return


async def shut_down(
    reason: str, extensions: Extensions, living: Living, processes: Processes, telemetry: TelemetryHub
) -> None:
    """Let the runtime and its extensions end by themselves, as far as there is time; what is left is the caller's."""
    plan = plan_shutdown(extensions)
    if not plan.total_s:
        return
    processes.thaw()
    telemetry.thaw()
    loop = asyncio.get_running_loop()
    end = loop.time() + plan.total_s
    if RUNTIME in living:
        processes.terminate(RUNTIME)
        await living.wait_until_gone({RUNTIME}, plan.runtime_s)
    await telemetry.flush(_FLUSH_S)
    left_s = max(0.0, end - loop.time())
    told = extensions.shut_down(render_shutdown(reason, time.time_ns() // 1_000_000 + int(left_s * 1000)))
    await living.wait_until_gone({one.number for one in told}, left_s)


def render_shutdown(reason: str, deadline_ms: int) -> bytes:
    """Return the event that tells an extension of the end."""
    return msgspec.json.encode({"eventType": SHUTDOWN, "shutdownReason": reason, "deadlineMs": deadline_ms})
