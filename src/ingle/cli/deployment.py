"""A function as it shall be: what differs from what there is, and the calls that make it so.

Functions of a directory and those of a template go the same way. A setting that nobody named stays as it is.
"""

import base64
import dataclasses
import hashlib
from typing import Any

Settings = dict[str, Any]
"""Members of CreateFunction and UpdateFunctionConfiguration, by AWS's names."""

FAST_WAITING = {"Delay": 0.01, "MaxAttempts": 12_000}
_WORDS = {
    "MemorySize": "memory", "EphemeralStorage": "ephemeral storage", "TracingConfig": "tracing",
    "LoggingConfig": "logging", "DeadLetterConfig": "dead letters", "KMSKeyArn": "key",
}  # fmt: skip
_UNITS = {"MemorySize": " MB", "Timeout": " s"}


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
            word = _WORDS.get(name, name.lower())
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


def find_configuration(client: Any, name: str) -> dict[str, Any] | None:
    """Return a function's configuration, or None where there is no such function."""
    try:
        return dict(client.get_function_configuration(FunctionName=name))
    except client.exceptions.ResourceNotFoundException:
        return None


def apply(client: Any, declared: Declared) -> Outcome:
    """Create or update a function and wait until it serves. Raises ClientError, WaiterError."""
    current = find_configuration(client, declared.name)
    if current is None:
        settings = {"Role": f"arn:aws:iam::000000000000:role/{declared.name}", **declared.at_creation}
        client.create_function(FunctionName=declared.name, Code=declared.code, **{**settings, **declared.settings})
        wait(client, "function_active_v2", declared.name)
        return Outcome("created")
    changes = update_code(client, declared.name, declared.code, current)
    changed = differing(declared.settings, current)
    if changed:
        client.update_function_configuration(FunctionName=declared.name, **changed)
        wait(client, "function_updated_v2", declared.name)
        changes += describe(changed, current)
    return Outcome("updated" if changes else "unchanged", tuple(changes))


def update_code(client: Any, name: str, code: Settings, current: dict[str, Any]) -> list[str]:
    """Give a function other code, unless it is what it has; return that in words."""
    content = code.get("ZipFile")
    if content is not None and sha256_of(content) == current["CodeSha256"]:
        return []
    client.update_function_code(FunctionName=name, **code)
    wait(client, "function_updated_v2", name)
    sha256, size_bytes = (sha256_of(content), len(content)) if content is not None else _kept(client, name)
    if sha256 == current["CodeSha256"]:  # what lay in S3 was the same
        return []
    return [f"code: {current['CodeSha256'][:12]} -> {sha256[:12]} ({size_bytes:,} bytes)"]


def _kept(client: Any, name: str) -> tuple[str, int]:
    shown = client.get_function_configuration(FunctionName=name)
    return shown["CodeSha256"], shown["CodeSize"]


def wait(client: Any, waiter: str, name: str) -> None:
    """Wait as one of botocore's waiters does, but not for seconds. Raises WaiterError."""
    client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig=FAST_WAITING)
