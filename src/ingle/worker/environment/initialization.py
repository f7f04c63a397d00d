"""How an environment gets ready: its external extensions, then its runtime, until all have asked for their first event.

The same for a restore, whose runtime becomes a copy (`beginnings` tells the two apart).
"""

import time
from collections.abc import Sequence

from ingle.environments import ON_DEMAND, Assignment
from ingle.worker.apis.extensions import LIMIT, Extensions
from ingle.worker.drivers import RUNTIME, Processes
from ingle.worker.environment.beginnings import Beginning
from ingle.worker.environment.shutdown import Living
from ingle.worker.journal.journal import Journal
from ingle.worker.journal.platform_events import ExtensionStatus, Outcome
from ingle.worker.journal.telemetry_delivery import TelemetryHub

_INIT_LIMIT_S = 10.0
_RESTORE_LIMIT_S = 10.0
_AHEAD_INIT_LIMIT_S = 130


def init_limit_s(assignment: Assignment) -> float:
    """Return how long init may take: longer where nobody waits for it (execution reference, section 2)."""
    if assignment.initialization_type == ON_DEMAND:
        return _INIT_LIMIT_S
    return float(max(_AHEAD_INIT_LIMIT_S, assignment.timeout_s))


def begin_limit_s(assignment: Assignment, beginning: Beginning) -> float:
    """Return how long an environment may take to get ready, however it begins."""
    return _RESTORE_LIMIT_S if beginning.is_copy else init_limit_s(assignment)


class Initialization:
    """The getting ready of one environment, from time to time anew."""

    def __init__(
        self,
        assignment: Assignment,
        beginning: Beginning,
        journal: Journal,
        telemetry: TelemetryHub,
        extensions: Extensions,
        processes: Processes,
    ) -> None:
        self.is_under_way = False
        self.living = Living()
        self._assignment = assignment
        self._beginning = beginning
        self._journal = journal
        self._telemetry = telemetry
        self._extensions = extensions
        self._processes = processes
        self._phase = ""
        self._is_runtime_running = False
        self._started_ns = 0

    def begin(self, phase: str, names: Sequence[str]) -> bool:
        """Start the external extensions of these names; return False where there are too many.

        The runtime follows once all have registered.
        """
        self.is_under_way = True
        self._phase = phase
        self._telemetry.begin()
        for event in self._beginning.started(self._assignment, phase):
            self._journal.tell(event)
        self._started_ns = time.monotonic_ns()
        self._is_runtime_running = False
        self._extensions.begin(names)
        if len(names) > LIMIT:
            return False
        for extension in self._extensions:
            self._start(extension.number)
        self.start_runtime()
        return True

    def start_runtime(self) -> None:
        """Start the runtime if its time has come."""
        if self.is_under_way and RUNTIME not in self.living and self._extensions.have_registered:
            self._is_runtime_running = True
            self._start(RUNTIME)

    def _start(self, number: int) -> None:
        self.living.started(number)
        self._processes.start(number)

    def finish_runtime(self, outcome: Outcome) -> None:
        """The runtime has done its part, or it has not been able to: nobody registers any more."""
        self._extensions.close_registration()
        if self._is_runtime_running:
            self._is_runtime_running = False
            for event in self._beginning.runtime_done(self._assignment, self._phase, outcome):
                self._journal.tell(event)

    def end(self, outcome: Outcome) -> float:
        """All have done their part, or it has failed; return how many milliseconds it took."""
        self.is_under_way = False
        duration_ms = (time.monotonic_ns() - self._started_ns) / 1e6
        for one in self._extensions:
            status = ExtensionStatus(name=one.name, state=one.state.value, events=one.events, error_type=one.error_type)
            self._journal.tell(status)
        for event in self._beginning.ended(self._assignment, self._phase, outcome, duration_ms):
            self._journal.tell(event)
        self._telemetry.close()
        return duration_ms

    def break_off(self) -> None:
        """Whatever is under way is over: everything is being killed."""
        self.is_under_way = False
