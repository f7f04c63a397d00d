"""Execution environments as gateway and worker both see them: life cycle, versions, assignments."""

from ingle.environments.assignment import (
    ON_DEMAND,
    PROVISIONED,
    SNAP_START,
    Assignment,
    RoleCredentials,
    VersionKey,
    opt_context,
)
from ingle.environments.lifecycle import NEXT, Event, IllegalTransitionError, State, advance

__all__ = [
    "NEXT",
    "ON_DEMAND",
    "PROVISIONED",
    "SNAP_START",
    "Assignment",
    "Event",
    "IllegalTransitionError",
    "RoleCredentials",
    "State",
    "VersionKey",
    "advance",
    "opt_context",
]
