"""Execution environments as gateway and worker both see them: life cycle, leases, messages."""

from ingle.environments.lifecycle import NEXT, Event, IllegalTransitionError, State, advance
from ingle.environments.messages import (
    ON_DEMAND,
    PROVISIONED,
    Assignment,
    EnvironmentReport,
    EnvironmentStarted,
    GrantRequest,
    LogBatch,
    LogRecords,
    PoolLevel,
    Principal,
    SigningKey,
    SigningKeyRequest,
    StartEnvironment,
    VersionKey,
    opt_context,
)

__all__ = [
    "NEXT",
    "ON_DEMAND",
    "PROVISIONED",
    "Assignment",
    "EnvironmentReport",
    "EnvironmentStarted",
    "Event",
    "GrantRequest",
    "IllegalTransitionError",
    "LogBatch",
    "LogRecords",
    "PoolLevel",
    "Principal",
    "SigningKey",
    "SigningKeyRequest",
    "StartEnvironment",
    "State",
    "VersionKey",
    "advance",
    "opt_context",
]
