"""Whether a resource policy lets a service of AWS's invoke a function, as CloudWatch Logs does for a subscription.

A statement that is not understood here, a condition with another operator for instance, allows nothing, and denies.
"""

import dataclasses
import fnmatch
from collections.abc import Mapping
from typing import Any

from ingle.functions.access.policy import ResourcePolicy, Statement

_ACTION = "lambda:invokefunction"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """An invocation by a service on behalf of a resource."""

    services: tuple[str, ...]
    """The names by which policies may know it: `logs.amazonaws.com`, `logs.us-east-1.amazonaws.com`."""
    source_arn: str
    source_account: str


def lets_service_invoke(policy: ResourcePolicy | None, call: ServiceCall) -> bool:
    """Say whether a function's policy allows a service's invocation."""
    statements = policy.statements if policy is not None else []
    denied = any(_applies(one, call, unknown=True) for one in statements if one["Effect"] == "Deny")
    return not denied and any(_applies(one, call, unknown=False) for one in statements if one["Effect"] == "Allow")


def _applies(statement: Statement, call: ServiceCall, *, unknown: bool) -> bool:
    """Say whether a statement is about this call; where that cannot be known, `unknown` says it."""
    if "NotPrincipal" in statement or "NotAction" in statement:
        return unknown
    if not _names(statement["Principal"], call) or not _covers(statement["Action"]):
        return False
    results = [
        _compare(operator, _listed(values), key.lower(), call)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    if False in results:
        return False
    return unknown if None in results else True


def _names(principal: Any, call: ServiceCall) -> bool:
    if principal == "*":
        return True
    named = _listed(principal.get("Service")) if isinstance(principal, dict) else []
    return any(one in call.services for one in named)


def _covers(actions: Any) -> bool:
    return any(fnmatch.fnmatchcase(_ACTION, str(one).lower()) for one in _listed(actions))


def _compare(operator: str, values: list[Any], key: str, call: ServiceCall) -> bool | None:
    facts: Mapping[str, str] = {"aws:sourcearn": call.source_arn, "aws:sourceaccount": call.source_account}
    fact = facts.get(key)
    if fact is None:
        return None
    if operator == "StringEquals":
        return fact in values
    if operator in ("ArnLike", "ArnEquals", "StringLike"):
        return any(fnmatch.fnmatchcase(fact, _literal_brackets(str(one))) for one in values)
    return None


def _literal_brackets(pattern: str) -> str:
    """Return a pattern in which only `*` and `?` mean something, as in policies."""
    return pattern.replace("[", "[[]")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
