"""Wishes about a function's settings, checked; what Ingle can't honour yet is refused, never dropped."""

import platform
from typing import Any

from ingle.functions import InvalidSettingError, Version, check_runtime, check_snap_start

_REFUSED = {
    "VpcConfig": "networks of one's own",
    "DeadLetterConfig": "dead-letter queues",
    "KMSKeyArn": "customer managed keys",
    "FileSystemConfigs": "file systems",
    "ImageConfig": "container images",
    "DurableConfig": "durable executions",
    "CapacityProviderConfig": "capacity providers",
    "RuntimeConfig": "runtimes of one's own",
    "AcceleratorConfig": "accelerators",
    "PublishTo": "capacity providers",
    "SourceKMSKeyArn": "customer managed keys",
}
"""What could not be kept without a promise that Ingle would then break: events lost where a dead-letter queue is set, a
key that is not the customer's. The empty values by which clients say that they don't want it are taken."""
_HERE = {"x86_64": "x86_64", "aarch64": "arm64"}
_FIELDS = {
    "Runtime": "runtime", "Role": "role", "Handler": "handler", "Description": "description",
    "Timeout": "timeout_s", "MemorySize": "memory_mib",
}  # fmt: skip
MEMORY_LIMIT_MIB = 10_240
TIMEOUT_LIMIT_S = 900
EPHEMERAL_LIMIT_MIB = 10_240
ZIP_LIMIT_BYTES = 52_428_800
"""The largest zip of code or of a layer that is sent with the request (Lambda quotas: 50 MB)."""


def _is_empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    return value in (None, "", [], (), False)


def refuse_unsupported(wishes: dict[str, Any]) -> None:
    """Raises InvalidSettingError for settings that Ingle doesn't have yet."""
    for name, what in _REFUSED.items():
        if not _is_empty(wishes.get(name)):
            raise InvalidSettingError(f"Ingle does not support {what} yet: leave {name} out, or empty.")
    if wishes.get("PackageType", "Zip") != "Zip":
        raise InvalidSettingError("Ingle does not support container images yet: use PackageType Zip.")


def check_architectures(wanted: list[str]) -> None:
    """Raises InvalidSettingError for an architecture that this host isn't."""
    here = _HERE.get(platform.machine(), platform.machine())
    if wanted != [here]:
        raise InvalidSettingError(f"This host runs {here} only, not {', '.join(wanted)}.")


def _check_limits(wishes: dict[str, Any]) -> None:
    """Raises InvalidSettingError for more than a function gets; the model allows more, to managed instances."""
    if wishes.get("MemorySize", 0) > MEMORY_LIMIT_MIB:
        raise InvalidSettingError(
            f"'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to {MEMORY_LIMIT_MIB}"
        )
    ephemeral_mib = wishes.get("EphemeralStorage", {}).get("Size", 0)
    for value, path, limit in (
        (wishes.get("Timeout", 0), "timeout", TIMEOUT_LIMIT_S),
        (ephemeral_mib, "ephemeralStorage.size", EPHEMERAL_LIMIT_MIB),
    ):
        if value > limit:
            raise InvalidSettingError(
                f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: Member must have"
                f" value less than or equal to {limit}"
            )


def settings_of(wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a Version that a request names. Raises InvalidSettingError."""
    refuse_unsupported(wishes)
    if "Runtime" in wishes:
        check_runtime(wishes["Runtime"])
    _check_limits(wishes)
    fields = {field: wishes[name] for name, field in _FIELDS.items() if name in wishes}
    if "EphemeralStorage" in wishes:
        fields["ephemeral_mib"] = wishes["EphemeralStorage"]["Size"]
    if "VpcConfig" in wishes:
        fields["has_network"] = True
    if "ApplyOn" in wishes.get("SnapStart", {}):
        fields["snap_start"] = wishes["SnapStart"]["ApplyOn"] == "PublishedVersions"
    if "Mode" in wishes.get("TracingConfig", {}):
        fields["tracing_mode"] = wishes["TracingConfig"]["Mode"]
    return fields


def check_together(fields: dict[str, Any], current: Version | None, *, is_per_tenant: bool) -> None:
    """Raises InvalidSettingError where the fields of a request and what holds now don't go together."""
    if fields.get("snap_start", current is not None and current.snap_start):
        runtime = fields.get("runtime", current.runtime if current is not None else "")
        ephemeral_mib = fields.get("ephemeral_mib", current.ephemeral_mib if current is not None else 0)
        check_snap_start(runtime, ephemeral_mib, is_per_tenant=is_per_tenant)


def logging_of(wishes: dict[str, Any], current: Version | None) -> dict[str, Any]:
    """Return the fields of LoggingConfig that follow from a request and what holds now. Raises InvalidSettingError.

    JSON has levels, INFO where none are given; Text has none (API reference, section 4).
    """
    wish = wishes.get("LoggingConfig", {})
    log_format = wish.get("LogFormat", current.log_format if current is not None else "Text")
    fields = {"log_format": log_format, "application_log_level": "", "system_log_level": ""}
    for name, field in (("ApplicationLogLevel", "application_log_level"), ("SystemLogLevel", "system_log_level")):
        if log_format == "JSON":
            fields[field] = wish.get(name) or (getattr(current, field) if current is not None else "") or "INFO"
        elif name in wish:
            raise InvalidSettingError(f"{name} can be set only where LogFormat is JSON.")
    if "LogGroup" in wish:
        fields["log_group"] = wish["LogGroup"]
    return fields
