"""How an environment comes to its first event, and what is told of that.

Most run an init. One of a version with SnapStart is restored: it becomes the version's template and runs the hooks after
restore. The copy in which an isolated invocation runs becomes one too, and nobody need hear of it.
"""

import dataclasses
from typing import Protocol

from ingle.environments import Assignment
from ingle.values import IngleError
from ingle.worker.journal.platform_events import (
    InitReport,
    InitRuntimeDone,
    InitStart,
    Outcome,
    PlatformEvent,
    RestoreReport,
    RestoreRuntimeDone,
    RestoreStart,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """What a report says of it: its length, and whether that was a restore."""

    milliseconds: float
    is_restore: bool


class Beginning(Protocol):
    """One way to begin."""

    @property
    def is_copy(self) -> bool:
        """Whether the environment becomes a template: if it can't, it is of no use."""
        ...

    def started(self, assignment: Assignment, phase: str) -> list[PlatformEvent]:
        """Return what is told at first."""
        ...

    def runtime_done(self, assignment: Assignment, phase: str, outcome: Outcome) -> list[PlatformEvent]:
        """Return what is told once the runtime has done its part."""
        ...

    def ended(self, assignment: Assignment, phase: str, outcome: Outcome, duration_ms: float) -> list[PlatformEvent]:
        """Return what is told once the runtime has asked for its first event, or has failed."""
        ...

    def duration(self, milliseconds: float) -> Duration | None:
        """Return what the first invocation's report says."""
        ...


class Init:
    """The function's code is loaded."""

    is_copy = False

    def started(self, assignment: Assignment, phase: str) -> list[PlatformEvent]:
        return [InitStart(assignment=assignment, phase=phase)]

    def runtime_done(self, assignment: Assignment, phase: str, outcome: Outcome) -> list[PlatformEvent]:
        kind = assignment.initialization_type
        return [InitRuntimeDone(initialization_type=kind, phase=phase, outcome=outcome)]

    def ended(self, assignment: Assignment, phase: str, outcome: Outcome, duration_ms: float) -> list[PlatformEvent]:
        kind = assignment.initialization_type
        return [InitReport(initialization_type=kind, phase=phase, outcome=outcome, duration_ms=duration_ms)]

    def duration(self, milliseconds: float) -> Duration | None:
        return Duration(milliseconds=milliseconds, is_restore=False)


class Restore:
    """A template is copied for SnapStart."""

    is_copy = True

    def started(self, assignment: Assignment, phase: str) -> list[PlatformEvent]:
        return [RestoreStart(assignment=assignment)]

    def runtime_done(self, assignment: Assignment, phase: str, outcome: Outcome) -> list[PlatformEvent]:
        return [RestoreRuntimeDone(outcome=outcome)]

    def ended(self, assignment: Assignment, phase: str, outcome: Outcome, duration_ms: float) -> list[PlatformEvent]:
        return [RestoreReport(outcome=outcome, duration_ms=duration_ms)]

    def duration(self, milliseconds: float) -> Duration | None:
        return Duration(milliseconds=milliseconds, is_restore=True)


class Copy:
    """A template is copied for one invocation."""

    is_copy = True

    def started(self, assignment: Assignment, phase: str) -> list[PlatformEvent]:
        return []

    def runtime_done(self, assignment: Assignment, phase: str, outcome: Outcome) -> list[PlatformEvent]:
        return []

    def ended(self, assignment: Assignment, phase: str, outcome: Outcome, duration_ms: float) -> list[PlatformEvent]:
        return []

    def duration(self, milliseconds: float) -> Duration | None:
        return None


def beginning_of(assignment: Assignment, *, is_copy: bool) -> Beginning:
    """Return how an environment begins."""
    if not is_copy:
        return Init()
    return Restore() if assignment.is_snap_start else Copy()


class RestoreFailedError(IngleError):
    """A copy could not begin, and that is the function's doing; `code` is the error that a caller is told."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check_restored(assignment: Assignment, outcome: Outcome) -> None:
    """Raises RestoreFailedError where a hook after restore has failed or was too slow (execution reference, section 11)."""
    if assignment.is_snap_start and outcome.status == "timeout":
        raise RestoreFailedError(
            "SnapStartTimeoutException", "Lambda couldn't restore the snapshot within the timeout limit."
        )
    if assignment.is_snap_start and outcome.error_type != "Runtime.ExitError":
        raise RestoreFailedError("SnapStartException", "The afterRestore() runtime hook encountered an error.")
