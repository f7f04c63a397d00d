"""Execution environments as gateway and worker both see them: life cycle, leases, messages."""

from ingle.environments.lifecycle import NEXT, Event, IllegalTransitionError, State, advance
from ingle.environments.messages import (
    Assignment,
    EnvironmentStarted,
    GrantRequest,
    LogBatch,
    LogRecords,
    Principal,
    SigningKey,
    SigningKeyRequest,
    StartEnvironment,
    VersionKey,
    opt_context,
)

__all__ = [
    "NEXT",
    "Assignment",
    "EnvironmentStarted",
    "Event",
    "GrantRequest",
    "IllegalTransitionError",
    "LogBatch",
    "LogRecords",
    "Principal",
    "SigningKey",
    "SigningKeyRequest",
    "StartEnvironment",
    "State",
    "VersionKey",
    "advance",
    "opt_context",
]
