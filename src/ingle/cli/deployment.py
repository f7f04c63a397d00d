"""A function as it shall be: what differs from what there is, and the calls that make it so.

Functions of a directory and those of a template go the same way. A setting that nobody named stays as it is.
"""

import base64
import dataclasses
import hashlib
import re
import time
from typing import Any

from ingle.cli.client import Client
from ingle.values import IngleError

Settings = dict[str, Any]
"""Members of CreateFunction and UpdateFunctionConfiguration, by AWS's names."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LIMIT_S = 0.005, 0.1, 300.0
"""botocore's waiters look once a second; here a function is there in milliseconds, or in a second if it is large."""

_WORDS = {
    "MemorySize": "memory", "TracingConfig": "tracing", "LoggingConfig": "logging", "DeadLetterConfig": "dead letters",
    "KMSKeyArn": "key",
}  # fmt: skip
_UNITS = {"MemorySize": " MB", "Timeout": " s"}


class NotDeployedError(IngleError):
    """A function was accepted and then did not become active; the text says why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A function as somebody declares it; `at_creation` counts only where there is none yet."""

    name: str
    code: Settings
    settings: Settings
    at_creation: Settings = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What was done to a resource: `created`, `updated` or `unchanged`, and each change in words."""

    verb: str
    changes: tuple[str, ...] = ()


def sha256_of(content: bytes) -> str:
    """Return the CodeSha256 of a zip."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def differing(wanted: Settings, current: dict[str, Any]) -> Settings:
    """Return those of the wanted settings that a FunctionConfiguration doesn't show."""
    return {name: value for name, value in wanted.items() if not _holds(name, value, _plain(name, current))}


def _plain(name: str, shown: dict[str, Any]) -> Any:
    """Return a setting as one would set it: layers by their ARNs, nothing as what stands for nothing."""
    if name == "Layers":
        return [layer["Arn"] for layer in shown.get("Layers", [])]
    if name == "Environment":
        return {"Variables": shown.get("Environment", {}).get("Variables", {})}
    return shown.get(name, {} if name.endswith("Config") else "")


def _holds(name: str, wanted: Any, current: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(current, dict) and name != "Environment":
        return all(current.get(key, "") == value for key, value in wanted.items())
    return bool(wanted == current)


def describe(changed: Settings, current: dict[str, Any]) -> list[str]:
    """Return a line for each change, old -> new. Of variables only the names: their values may be secret."""
    lines: list[str] = []
    for name, value in changed.items():
        before = _plain(name, current)
        if name == "Environment":
            lines += _variables(before["Variables"], value["Variables"])
        else:
            unit = _UNITS.get(name, "")
            word = _WORDS.get(name) or re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
            lines.append(f"{word}: {_text(before)}{unit} -> {_text(value)}{unit}")
    return lines


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_text(item)}" for key, item in value.items()) or "none"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value) or "none"


def _variables(before: dict[str, str], after: dict[str, str]) -> list[str]:
    words = []
    for name in sorted(before | after):
        if name not in before:
            words.append(f"variable {name}: added")
        elif name not in after:
            words.append(f"variable {name}: removed")
        elif before[name] != after[name]:
            words.append(f"variable {name}: changed")
    return words


def find_configuration(client: Client, name: str) -> dict[str, Any] | None:
    """Return a function's configuration, or None where there is no such function."""
    return client.find("GetFunctionConfiguration", FunctionName=name)


def apply(client: Client, declared: Declared) -> Outcome:
    """Create or update a function and wait until it serves. Raises AwsError, NotDeployedError."""
    current = find_configuration(client, declared.name)
    if current is None:
        settings = {"Role": f"arn:aws:iam::000000000000:role/{declared.name}", **declared.at_creation}
        client.call(
            "CreateFunction", FunctionName=declared.name, Code=declared.code, **{**settings, **declared.settings}
        )
        wait(client, declared.name)
        return Outcome("created")
    changes = update_code(client, declared.name, declared.code, current)
    changed = differing(declared.settings, current)
    if changed:
        client.call("UpdateFunctionConfiguration", FunctionName=declared.name, **changed)
        wait(client, declared.name)
        changes += describe(changed, current)
    return Outcome("updated" if changes else "unchanged", tuple(changes))


def update_code(client: Client, name: str, code: Settings, current: dict[str, Any]) -> list[str]:
    """Give a function other code, unless it is what it has; return that in words. Raises as `apply` does."""
    before = current["CodeSha256"]
    if "ZipFile" in code and sha256_of(code["ZipFile"]) == before:
        return []
    client.call("UpdateFunctionCode", FunctionName=name, **code)
    after = wait(client, name)
    if after["CodeSha256"] == before:  # what lay in S3 was the same
        return []
    return [f"code: {before[:12]} -> {after['CodeSha256'][:12]} ({after['CodeSize']:,} bytes)"]


def wait(client: Client, name: str) -> dict[str, Any]:
    """Return a function's configuration as soon as what has been asked for serves. Raises NotDeployedError."""
    end_s = time.monotonic() + _LIMIT_S
    pause_s = _FIRST_PAUSE_S
    while time.monotonic() < end_s:
        shown = client.call("GetFunctionConfiguration", FunctionName=name)
        if "Failed" in (shown["State"], shown.get("LastUpdateStatus")):
            words = ("StateReason", "LastUpdateStatusReason", "StateReasonCode", "LastUpdateStatusReasonCode")
            raise NotDeployedError(next((shown[word] for word in words if shown.get(word)), "its code can't be used"))
        if shown["State"] != "Pending" and shown.get("LastUpdateStatus") != "InProgress":
            return shown
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    raise NotDeployedError(f"it is not done after {_LIMIT_S:.0f} s")
