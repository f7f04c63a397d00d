"""What an extension may ask of the Telemetry API, 2022-07-01, and of the Logs API, 2020-08-15, before it.

Pure: a request's body becomes a `Subscription`, or an error that names all that is wrong with it (Lambda developer guide,
"Telemetry API reference" and "Logs API reference").
"""

import dataclasses
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ingle.values import IngleError

TELEMETRY_SCHEMAS = ("2022-07-01", "2022-12-13", "2025-01-29")
LOGS_SCHEMAS = ("2020-08-15", "2021-03-18")
TYPES = ("platform", "function", "extension")
_HOSTS = ("sandbox.localdomain", "sandbox.local-domain", "sandbox")
_RESERVED_PORT = 9001
_BUFFERING = {  # the least, the most, and what holds where nothing is said
    "maxItems": (1_000, 10_000, 10_000),
    "maxBytes": (262_144, 1_048_576, 262_144),
    "timeoutMs": (25, 30_000, 1_000),
}


class InvalidSubscriptionError(IngleError):
    """A subscription that breaks a rule; the message names each."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What is sent, how it is gathered, and where it goes within the environment. `path` is empty for TCP."""

    schema: str
    types: tuple[str, ...]
    max_items: int
    max_bytes: int
    timeout_ms: int
    port: int
    method: str = "POST"
    host: str = ""
    path: str = ""

    @property
    def is_of_logs_api(self) -> bool:
        return self.schema in LOGS_SCHEMAS

    @property
    def is_http(self) -> bool:
        return bool(self.path)


def parse_subscription(body: bytes, schemas: tuple[str, ...]) -> Subscription:
    """Return the subscription that a request asks for. Raises InvalidSubscriptionError."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidSubscriptionError("the request is not JSON") from None
    if not isinstance(given, dict):
        raise InvalidSubscriptionError("the request is not an object")
    problems: list[str] = []
    given = _without_nulls(given)
    schema = given.get("schemaVersion", LOGS_SCHEMAS[0] if schemas is LOGS_SCHEMAS else None)
    if schema not in schemas:
        problems.append(f"schemaVersion should be one of {', '.join(schemas)}")
    members: dict[str, Any] = {
        **_check_destination(given.get("destination"), problems),
        "types": _check_types(given.get("types"), problems),
        **_check_buffering(given.get("buffering", {}), problems),
    }
    if problems:
        raise InvalidSubscriptionError("; ".join(problems))
    return Subscription(schema=str(schema), **members)


def _without_nulls(given: dict[str, Any]) -> dict[str, Any]:
    """Return an object without members that are null, which is as good as absent."""
    return {name: value for name, value in given.items() if value is not None}


def _check_destination(given: Any, problems: list[str]) -> dict[str, Any]:
    if not isinstance(given, dict):
        problems.append("destination is not provided")
        return {}
    given = _without_nulls(given)
    protocol = given.get("protocol")
    if protocol == "TCP":
        return {"port": _check_port(given.get("port"), "port", problems)}
    if protocol != "HTTP":
        problems.append("protocol should be HTTP or TCP")
        return {}
    method = given.get("method", "POST")
    if method not in ("POST", "PUT"):
        problems.append("method should be POST or PUT")
    return {"method": method, **_check_uri(given.get("URI"), problems)}


def _check_uri(given: Any, problems: list[str]) -> dict[str, Any]:
    if not isinstance(given, str) or not given.isascii() or not given.isprintable() or " " in given:
        problems.append("URI is not provided")
        return {}
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError:
        problems.append("URI is not valid")
        return {}
    if parts.scheme != "http":
        problems.append("URI scheme should be http")
    if parts.hostname not in _HOSTS:
        problems.append(f"URI host should be {_HOSTS[0]}")
    query = f"?{parts.query}" if parts.query else ""
    path = (parts.path or "/") + query
    return {"port": _check_port(port, "URI port", problems), "host": parts.hostname or "", "path": path}


def _check_port(given: Any, name: str, problems: list[str]) -> int:
    if given is None:
        problems.append(f"{name} is not provided")
    elif not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 65_536:
        problems.append(f"{name} should be between 1 and 65535")
    elif given == _RESERVED_PORT:
        problems.append(f"{name} {_RESERVED_PORT} is reserved")
    else:
        return given
    return 0


def _check_types(given: Any, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        problems.append("types should not be empty")
        return ()
    if any(one not in TYPES for one in given):
        problems.append(f"types should be among {', '.join(TYPES)}")
        return ()
    return tuple(dict.fromkeys(given))


def _check_buffering(given: Any, problems: list[str]) -> dict[str, int]:
    if not isinstance(given, dict):
        problems.append("buffering should be an object")
        return {}
    given, values = _without_nulls(given), {}
    for name, (least, most, usual) in _BUFFERING.items():
        value = given.get(name, usual)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            problems.append(f"buffering.{name} should be between {least} and {most}")
        values[name] = value
    return {"max_items": values["maxItems"], "max_bytes": values["maxBytes"], "timeout_ms": values["timeoutMs"]}
