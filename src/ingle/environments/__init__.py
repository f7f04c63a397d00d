"""Execution environments as gateway and worker both see them: life cycle, leases, messages."""

from ingle.environments.lifecycle import NEXT, Event, IllegalTransitionError, State, advance
from ingle.environments.messages import (
    ON_DEMAND,
    PROVISIONED,
    SNAP_START,
    Assignment,
    Principal,
    ProvisionedLevel,
    ProvisionedRequest,
    RoleCredentials,
    SigningKey,
    SigningKeyRequest,
    VersionKey,
    opt_context,
)

__all__ = [
    "NEXT",
    "ON_DEMAND",
    "PROVISIONED",
    "SNAP_START",
    "Assignment",
    "Event",
    "IllegalTransitionError",
    "Principal",
    "ProvisionedLevel",
    "ProvisionedRequest",
    "RoleCredentials",
    "SigningKey",
    "SigningKeyRequest",
    "State",
    "VersionKey",
    "advance",
    "opt_context",
]
