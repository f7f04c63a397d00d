"""Resource policies: who else may use a function, a version, an alias or a layer version (API reference, section 8)."""

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ingle.functions.errors import (
    InvalidSettingError,
    PolicyTooLongError,
    RevisionMismatchError,
    StatementExistsError,
    StatementNotFoundError,
)

POLICY_LIMIT_BYTES = 20_480
_ACCOUNT = re.compile(r"[0-9]{12}")
_IDENTITY = re.compile(r"arn:aws[a-zA-Z-]*:(iam|sts)::[0-9]{12}:(root|(user|role|assumed-role|federated-user)/.+)")
_SERVICE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.amazon(aws\.com(\.cn)?|\.com)")
_SID = re.compile(r"[a-zA-Z0-9-_.]{1,100}")
_ACTION = re.compile(r"lambda:[a-zA-Z*?]+|\*", re.IGNORECASE)
_MEMBERS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}

Statement = dict[str, Any]


class ResourcePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy document, its members in the order in which they are shown."""

    document: dict[str, Any]
    revision_id: str

    @property
    def statements(self) -> list[Statement]:
        return list(self.document["Statement"])

    @property
    def text(self) -> str:
        """The document as AWS renders it."""
        return render(self.document)


def render(value: dict[str, Any]) -> str:
    """Return a policy document, or a statement, as compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def check_revision(current: str | None, given: str | None, api: str) -> None:
    """Raises RevisionMismatchError, which names the API to ask, where a revision that is given isn't the current one."""
    if given is not None and given != current:
        raise RevisionMismatchError(api)


def allow(wishes: Mapping[str, Any], resource: str, condition: Mapping[str, Any]) -> Statement:
    """Return the statement that a request for a permission means. Raises InvalidSettingError for its principal."""
    statement = {
        "Sid": wishes["StatementId"],
        "Effect": "Allow",
        "Principal": principal_of(wishes["Principal"]),
        "Action": wishes["Action"],
        "Resource": resource,
    }
    return {**statement, "Condition": condition} if condition else statement


def with_statement(policy: ResourcePolicy | None, statement: Statement, revision_id: str) -> ResourcePolicy:
    """Return a policy with one more statement. Raises StatementExistsError, PolicyTooLongError."""
    held = policy.statements if policy is not None else []
    if any(one.get("Sid") == statement["Sid"] for one in held):
        raise StatementExistsError(statement["Sid"])
    document = {"Version": "2012-10-17", "Id": "default"} if policy is None else policy.document
    return _checked({**document, "Statement": [*held, statement]}, revision_id)


def without_statement(policy: ResourcePolicy, sid: str, revision_id: str) -> ResourcePolicy | None:
    """Return a policy with one statement less, None where it was the last. Raises StatementNotFoundError."""
    kept = [one for one in policy.statements if one.get("Sid") != sid]
    if len(kept) == len(policy.statements):
        raise StatementNotFoundError(sid)
    document = {**policy.document, "Statement": kept}
    return ResourcePolicy(document=document, revision_id=revision_id) if kept else None


def _checked(document: dict[str, Any], revision_id: str) -> ResourcePolicy:
    policy = ResourcePolicy(document=document, revision_id=revision_id)
    size = len(policy.text.encode())
    if size > POLICY_LIMIT_BYTES:
        raise PolicyTooLongError(size, POLICY_LIMIT_BYTES)
    return policy


def principal_of(text: str) -> str | dict[str, str]:
    """Return the Principal of a statement: everyone, an account, an identity or a service. Raises InvalidSettingError."""
    if text == "*":
        return text
    if _ACCOUNT.fullmatch(text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    if _IDENTITY.fullmatch(text):
        return {"AWS": text}
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    raise InvalidSettingError("The provided principal was invalid. Please check the principal and try again.")


def parse_policy(text: str, resource: str, revision_id: str) -> ResourcePolicy:
    """Return the policy of a resource that a document says. Raises InvalidSettingError, PolicyTooLongError."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise InvalidSettingError("The provided policy is not valid JSON.") from None
    if not isinstance(document, dict) or not document.keys() <= {"Version", "Id", "Statement"}:
        raise _invalid("a policy is an object of Version, Id and Statement")
    if document.get("Version", "2012-10-17") not in ("2012-10-17", "2008-10-17"):
        raise _invalid("Version is 2012-10-17 or 2008-10-17")
    if not isinstance(document.get("Id", ""), str):
        raise _invalid("Id is a text")
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise _invalid("Statement is missing")
    for statement in statements:
        _check_statement(statement, resource)
    named = [statement["Sid"] for statement in statements if "Sid" in statement]
    if len(named) != len(set(named)):
        raise _invalid("two statements have the same Sid")
    return _checked({**document, "Statement": statements}, revision_id)


def _invalid(what: str) -> InvalidSettingError:
    return InvalidSettingError(f"The provided policy is invalid: {what}.")


def _texts(value: Any) -> list[str]:
    """Return one text or several as a list; an empty one for what is neither."""
    values = value if isinstance(value, list) else [value]
    return values if all(isinstance(one, str) for one in values) else []


def _check_statement(statement: Any, resource: str) -> None:
    if not isinstance(statement, dict) or not statement.keys() <= _MEMBERS:
        raise _invalid("a statement has members that no statement has")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _invalid("Effect is Allow or Deny")
    for name in ("Principal", "Action", "Resource"):
        if (name in statement) == (f"Not{name}" in statement):
            raise _invalid(f"each statement has either {name} or Not{name}")
    sid = statement.get("Sid", "none")
    if not isinstance(sid, str) or not _SID.fullmatch(sid):
        raise _invalid("a Sid has 1 to 100 letters, digits, dots, hyphens and underscores")
    _check_principal(statement.get("Principal", statement.get("NotPrincipal")))
    actions = _texts(statement.get("Action", statement.get("NotAction")))
    if not actions or not all(_ACTION.fullmatch(action) for action in actions):
        raise _invalid("an Action is one of Lambda's")
    resources = _texts(statement.get("Resource", statement.get("NotResource")))
    if not resources or any(one != resource for one in resources):
        raise _invalid(f"Resource is {resource}")
    _check_condition(statement.get("Condition", {}))


def _check_principal(principal: Any) -> None:
    if principal == "*":
        return
    if not isinstance(principal, dict) or not principal or not principal.keys() <= {"AWS", "Service"}:
        raise _invalid("a Principal is * or an object of AWS and Service")
    for kind, value in principal.items():
        named = _texts(value)
        if not named or any(name != "*" and kind not in principal_of(name) for name in named):
            raise InvalidSettingError("The provided principal was invalid. Please check the principal and try again.")


def _check_condition(condition: Any) -> None:
    fine = isinstance(condition, dict) and all(
        isinstance(keys, dict) and all(_scalars(value) for value in keys.values()) for keys in condition.values()
    )
    if not fine:
        raise _invalid("a Condition is an object of operators, each an object of keys with values")


def _scalars(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(
        isinstance(one, str | bool) or (isinstance(one, int | float) and abs(one) < 2**53) for one in values
    )
