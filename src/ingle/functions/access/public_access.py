"""Whether a resource policy lets everybody call a function URL of the type NONE (security reference, section 6).

A call needs two permissions, each for everybody: lambda:InvokeFunctionUrl, and lambda:InvokeFunction by way of a URL. What
isn't understood here, a condition on a caller's address for instance, doesn't allow, and does deny.
"""

import fnmatch
from collections.abc import Mapping
from typing import Any

from ingle.functions.access.policy import ResourcePolicy, Statement

_NEEDED: Mapping[str, Mapping[str, str]] = {
    "lambda:InvokeFunctionUrl": {"lambda:functionurlauthtype": "NONE"},
    "lambda:InvokeFunction": {"lambda:invokedviafunctionurl": "true"},
}
"""Each action with the condition keys that it is called with."""


def lets_everybody_call(policy: ResourcePolicy | None) -> bool:
    """Say whether everybody may call the URL of what the policy is of."""
    statements = policy.statements if policy is not None else []
    return all(_is_allowed(statements, action, facts) for action, facts in _NEEDED.items())


def _is_allowed(statements: list[Statement], action: str, facts: Mapping[str, str]) -> bool:
    denied = any(_may_apply(one, action, facts) for one in statements if one["Effect"] == "Deny")
    return not denied and any(_applies(one, action, facts) for one in statements if one["Effect"] == "Allow")


def _applies(statement: Statement, action: str, facts: Mapping[str, str]) -> bool:
    """Say whether a statement is for certain about everybody who takes this action."""
    is_named = _names(statement.get("Action"), action)
    return (
        _is_everybody(statement.get("Principal")) and is_named and _met(statement.get("Condition", {}), facts) is True
    )


def _may_apply(statement: Statement, action: str, facts: Mapping[str, str]) -> bool:
    """Say whether a statement may be about somebody who takes this action, and says not who it is."""
    is_anybody = "NotPrincipal" in statement or _is_everybody(statement["Principal"])
    is_named = "NotAction" in statement or _names(statement["Action"], action)
    return is_anybody and is_named and _met(statement.get("Condition", {}), facts) is not False


def _is_everybody(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in _listed(principal.get("AWS")))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(actions: Any, action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), str(one).lower()) for one in _listed(actions))


def _met(conditions: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool | None:
    """Say whether conditions hold; None where that can't be known from the facts alone."""
    results = [
        _compare(operator, _listed(values), facts.get(key.lower()))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    ]
    if False in results:
        return False
    return None if None in results else True


def _compare(operator: str, values: list[Any], fact: str | None) -> bool | None:
    if fact is None:
        return None
    if operator == "StringEquals":
        return fact in values
    if operator == "Bool":
        return fact in [str(value).lower() for value in values]
    return None
