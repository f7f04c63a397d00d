"""What each kind of event source may be told, must be told and is told by default (API reference, section 10)."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from ingle.functions.errors import InvalidSettingError
from ingle.functions.events.filter_pattern import check_pattern

FILTERS_LIMIT = 5
_SERVICES = (
    ("sqs", re.compile(r"arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9_-]{1,80}(\.fifo)?")),
    ("kinesis", re.compile(r"arn:aws[a-z-]*:kinesis:[a-z0-9-]+:\d{12}:stream/.+")),
    ("dynamodb", re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[^/]+/stream/.+")),
    ("msk", re.compile(r"arn:aws[a-z-]*:kafka:[a-z0-9-]+:\d{12}:.+")),
    ("mq", re.compile(r"arn:aws[a-z-]*:mq:[a-z0-9-]+:\d{12}:broker:.+")),
    ("documentdb", re.compile(r"arn:aws[a-z-]*:rds:[a-z0-9-]+:\d{12}:cluster:.+")),
)
_EVERY = {
    "EventSourceArn",
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "FilterCriteria",
    "MetricsConfig",
}
_STREAM = {
    "StartingPosition",
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "DestinationConfig",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "FunctionResponseTypes",
}
_KAFKA = {
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
    "SourceAccessConfigurations",
    "DestinationConfig",
    "ProvisionedPollerConfig",
    "LoggingConfig",
    "FunctionResponseTypes",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
}
_STREAM_DEFAULTS = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}
_KAFKA_ACCESS = frozenset(
    {
        "BASIC_AUTH", "VPC_SUBNET", "VPC_SECURITY_GROUP", "SASL_SCRAM_512_AUTH", "SASL_SCRAM_256_AUTH",
        "CLIENT_CERTIFICATE_TLS_AUTH", "SERVER_ROOT_CA_CERTIFICATE", "OAUTHBEARER_AUTH", "OAUTHBEARER_SCOPE",
        "OAUTHBEARER_AUDIENCE", "OAUTHBEARER_LOGICAL_CLUSTER", "OAUTHBEARER_IDENTITY_POOL", "IAM_AUTH",
        "IAM_OAUTHBEARER_AUTH",
    }
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind:
    """The rules of one kind of event source."""

    members: frozenset[str]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any]
    pollers: tuple[int, int] | None = None
    """The fewest pollers and the most that provisioned mode may be told."""
    destinations: frozenset[str] = frozenset()
    access: frozenset[str] = frozenset()
    reason: str = "USER_INITIATED"
    """What AWS says of a state that the user brought about."""


_STREAM_DESTINATIONS = frozenset({"sqs", "sns", "s3"})
_A_STREAM = SourceKind(
    members=frozenset(_EVERY | _STREAM),
    required=("StartingPosition",),
    defaults=_STREAM_DEFAULTS,
    destinations=_STREAM_DESTINATIONS,
    reason="User action",
)
KINDS: Mapping[str, SourceKind] = {
    "sqs": SourceKind(
        members=frozenset(_EVERY | {"ScalingConfig", "FunctionResponseTypes", "ProvisionedPollerConfig"}),
        defaults={"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []},
        pollers=(2, 10_000),
    ),
    "kinesis": _A_STREAM,
    "dynamodb": _A_STREAM,
    "msk": SourceKind(
        members=frozenset(_EVERY | _KAFKA | {"AmazonManagedKafkaEventSourceConfig"}),
        required=("Topics", "StartingPosition"),
        defaults={"BatchSize": 100, "DestinationConfig": {}},
        pollers=(1, 2_000),
        destinations=_STREAM_DESTINATIONS | {"kafka"},
        access=_KAFKA_ACCESS,
    ),
    "kafka": SourceKind(
        members=frozenset(
            (_EVERY - {"EventSourceArn"}) | _KAFKA | {"SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig"}
        ),
        required=("SourceAccessConfigurations", "Topics", "StartingPosition"),
        defaults={"BatchSize": 100, "DestinationConfig": {}},
        pollers=(1, 2_000),
        destinations=_STREAM_DESTINATIONS | {"kafka"},
        access=_KAFKA_ACCESS,
    ),
    "mq": SourceKind(
        members=frozenset(_EVERY | {"Queues", "SourceAccessConfigurations"}),
        required=("SourceAccessConfigurations", "Queues"),
        defaults={"BatchSize": 100},
        access=frozenset({"BASIC_AUTH", "VIRTUAL_HOST"}),
    ),
    "documentdb": SourceKind(
        members=frozenset(
            _EVERY
            | {
                "StartingPosition",
                "StartingPositionTimestamp",
                "DocumentDBEventSourceConfig",
                "SourceAccessConfigurations",
            }
        ),
        required=("SourceAccessConfigurations", "DocumentDBEventSourceConfig", "StartingPosition"),
        defaults={"BatchSize": 100},
        access=frozenset({"BASIC_AUTH"}),
    ),
}
SETTINGS: frozenset[str] = frozenset().union(*(kind.members for kind in KINDS.values()))
"""Every setting that some kind of source has."""


def kind_of(wishes: Mapping[str, Any]) -> str:
    """Return the kind of source that a request means. Raises InvalidSettingError."""
    arn = wishes.get("EventSourceArn")
    if arn is None and "KAFKA_BOOTSTRAP_SERVERS" in wishes.get("SelfManagedEventSource", {}).get("Endpoints", {}):
        return "kafka"
    for kind, pattern in _SERVICES:
        if arn is not None and "SelfManagedEventSource" not in wishes and pattern.fullmatch(arn):
            return kind
    raise InvalidSettingError("Unrecognized event source.")


def check_settings(kind_name: str, settings: Mapping[str, Any], now_ms: int) -> None:
    """Raises InvalidSettingError for settings, defaults included, that a source of this kind can't have together."""
    kind = KINDS[kind_name]
    for name in settings:
        if name not in kind.members:
            raise InvalidSettingError(f"Unsupported {name} parameter for given event source mapping type.")
    for name in kind.required:
        if not settings.get(name):
            raise _missing(name)
    _check_batches(kind_name, settings)
    _check_position(kind_name, settings, now_ms)
    _check_ranges(settings)
    _check_filters(settings.get("FilterCriteria", {}))
    _check_destination(kind, settings)
    _check_access(kind_name, kind, settings)
    _check_pollers(kind, settings)


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _missing(name: str) -> InvalidSettingError:
    if name == "StartingPosition":
        return _constraint(None, name, "not be null")
    return InvalidSettingError(f"Required '{_lower(name)}' parameter is missing.")


def _constraint(value: Any, name: str, constraint: str) -> InvalidSettingError:
    shown = "null" if value is None else f"'{value}'"
    return InvalidSettingError(
        f"1 validation error detected: Value {shown} at '{_lower(name)}' failed to satisfy constraint: Member must"
        f" {constraint}"
    )


def _check_batches(kind: str, settings: Mapping[str, Any]) -> None:
    size, window = settings["BatchSize"], settings.get("MaximumBatchingWindowInSeconds", 0)
    if kind != "sqs":
        return
    if settings["EventSourceArn"].endswith(".fifo"):
        if size > 10:
            raise _constraint(size, "BatchSize", "have value less than or equal to 10")
        if window:
            raise InvalidSettingError("Batching window is not supported for FIFO queues.")
    elif size > 10 and window == 0:
        raise InvalidSettingError(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )


def _check_position(kind: str, settings: Mapping[str, Any], now_ms: int) -> None:
    position, timestamp = settings.get("StartingPosition"), settings.get("StartingPositionTimestamp")
    if kind == "dynamodb" and position == "AT_TIMESTAMP":
        raise InvalidSettingError(f"Unsupported starting position for arn type: {settings['EventSourceArn']}")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise InvalidSettingError(
            "StartingPositionTimestamp is required where StartingPosition is AT_TIMESTAMP, and only there."
        )
    if timestamp is not None and timestamp * 1000 > now_ms:
        raise InvalidSettingError("StartingPositionTimestamp cannot be in the future.")


def _check_ranges(settings: Mapping[str, Any]) -> None:
    age = settings.get("MaximumRecordAgeInSeconds", -1)
    if age != -1 and age < 60:
        raise _constraint(age, "MaximumRecordAgeInSeconds", "have value greater than or equal to 60")


def _check_filters(criteria: Mapping[str, Any]) -> None:
    filters = criteria.get("Filters", [])
    if len(filters) > FILTERS_LIMIT:
        raise InvalidSettingError(f"The number of filters exceeds the limit of {FILTERS_LIMIT}.")
    for each in filters:
        check_pattern(each.get("Pattern", ""))


def _check_destination(kind: SourceKind, settings: Mapping[str, Any]) -> None:
    config = settings.get("DestinationConfig", {})
    failure, success = (config.get(name, {}).get("Destination") for name in ("OnFailure", "OnSuccess"))
    service = "kafka" if (failure or "").startswith("kafka://") else (failure or "::").split(":")[2]
    if success or (failure and service not in kind.destinations):
        shown = [
            f"{name}(destination={arn})" if arn else "null"
            for name, arn in (("OnSuccess", success), ("OnFailure", failure))
        ]
        raise InvalidSettingError(
            f"The provided destination config DestinationConfig(onSuccess={shown[0]}, onFailure={shown[1]}) is invalid."
        )


def _check_access(kind_name: str, kind: SourceKind, settings: Mapping[str, Any]) -> None:
    types = [one.get("Type") for one in settings.get("SourceAccessConfigurations", [])]
    for each in types:
        if each not in kind.access:
            raise InvalidSettingError(f"Unsupported source access configuration type for {kind_name}: {each}.")
    if kind_name in ("mq", "documentdb") and types.count("BASIC_AUTH") != 1:
        raise InvalidSettingError("Exactly one source access configuration of type BASIC_AUTH is required.")
    if kind_name == "documentdb" and not settings["DocumentDBEventSourceConfig"].get("DatabaseName"):
        raise InvalidSettingError("Required 'databaseName' parameter is missing.")


def _check_pollers(kind: SourceKind, settings: Mapping[str, Any]) -> None:
    config = settings.get("ProvisionedPollerConfig")
    if not config or kind.pollers is None:
        return
    fewest, most = kind.pollers
    lower, upper = config.get("MinimumPollers", fewest), config.get("MaximumPollers", 200)
    if lower < fewest:
        raise _constraint(lower, "MinimumPollers", f"have value greater than or equal to {fewest}")
    if not fewest <= upper <= most:
        word, bound = ("greater", fewest) if upper < fewest else ("less", most)
        raise _constraint(upper, "MaximumPollers", f"have value {word} than or equal to {bound}")
    if lower > upper:
        raise InvalidSettingError("MinimumPollers cannot be greater than MaximumPollers.")
    if settings.get("ScalingConfig"):
        raise InvalidSettingError("ScalingConfig and ProvisionedPollerConfig cannot be used together.")
    if config.get("PollerGroupName") and "Topics" not in settings:
        raise InvalidSettingError("PollerGroupName is for Kafka event sources only.")
