"""Event source mappings: their life cycle, the rules of each kind of source, and patterns of filters."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ingle.functions import (
    KINDS,
    MAPPING_NEXT,
    EventSourceMapping,
    InvalidSettingError,
    MappingEvent,
    MappingInUseError,
    MappingState,
    check_pattern,
    check_settings,
    kind_of,
)

NOW = 1_000_000_000
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
ACCESS = [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}]
SELF = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1"]}}
GIVEN: dict[str, dict[str, Any]] = {
    "sqs": {"EventSourceArn": QUEUE},
    "kinesis": {
        "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s/consumer/c:1", "StartingPosition": "LATEST",
    },
    "dynamodb": {
        "EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2026-01-01T00:00:00.000",
        "StartingPosition": "TRIM_HORIZON",
    },
    "msk": {
        "EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/u", "StartingPosition": "LATEST", "Topics": ["t"],
    },
    "kafka": {
        "SelfManagedEventSource": SELF, "StartingPosition": "LATEST", "Topics": ["t"],
        "SourceAccessConfigurations": ACCESS,
    },
    "mq": {
        "EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b:b-1", "Queues": ["q"],
        "SourceAccessConfigurations": ACCESS,
    },
    "documentdb": {
        "EventSourceArn": "arn:aws:rds:us-east-1:000000000000:cluster:c", "StartingPosition": "LATEST",
        "SourceAccessConfigurations": ACCESS, "DocumentDBEventSourceConfig": {"DatabaseName": "d"},
    },
}  # fmt: skip


def mapping(state: MappingState, **fields: Any) -> EventSourceMapping:
    return EventSourceMapping(
        account="000000000000", region="us-east-1", uuid="u", function="f", kind="sqs", settings={}, state=state,
        last_modified_ms=NOW, **fields,
    )  # fmt: skip


# the life cycle


def test_a_mapping_settles_to_what_is_wanted_and_is_gone_once_deleted() -> None:
    for state in (MappingState.CREATING, MappingState.UPDATING, MappingState.ENABLING, MappingState.DISABLING):
        for is_enabled, settled in ((True, MappingState.ENABLED), (False, MappingState.DISABLED)):
            one = mapping(state, is_enabled=is_enabled)
            assert one.seen_at(NOW + 99) is one
            later = one.seen_at(NOW + 100)
            assert later is not None
            assert later.state is settled
    gone = mapping(MappingState.ENABLED).deleted(NOW)
    assert gone.seen_at(NOW) is gone
    assert gone.seen_at(NOW + 100) is None


def test_a_change_leads_through_a_state_of_its_own() -> None:
    on, off = mapping(MappingState.ENABLED), mapping(MappingState.DISABLED, is_enabled=False)
    assert on.changed(NOW).state is off.changed(NOW).state is MappingState.UPDATING
    assert on.changed(NOW, is_enabled=False).state is MappingState.DISABLING
    assert off.changed(NOW, is_enabled=True).state is MappingState.ENABLING


@pytest.mark.parametrize("state", MappingState)
def test_what_is_on_its_way_cannot_be_changed(state: MappingState) -> None:
    one = mapping(state)
    if one.is_settled:
        return
    for act, text in ((one.changed, "Cannot update"), (one.deleted, "Cannot delete")):
        with pytest.raises(MappingInUseError, match=text):
            act(NOW)


def test_no_event_leads_out_of_deleting_or_back_to_creating() -> None:
    assert not any(state is MappingState.DELETING for state, _ in MAPPING_NEXT)
    assert MappingState.CREATING not in MAPPING_NEXT.values()
    assert {event for _, event in MAPPING_NEXT} == set(MappingEvent)


# the rules


def check(kind: str, changes: Mapping[str, Any]) -> None:
    wishes = {**KINDS[kind].defaults, **GIVEN[kind], **changes}
    check_settings(kind, {name: value for name, value in wishes.items() if value is not None}, NOW)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_and_needs_no_more_than_this(kind: str) -> None:
    assert kind_of(GIVEN[kind]) == kind
    check(kind, {})
    for name in KINDS[kind].required:
        with pytest.raises(InvalidSettingError, match=f"(?i)'{name}'.*(missing|null)"):
            check(kind, {name: None})


@pytest.mark.parametrize(
    "wishes",
    [
        {}, {"EventSourceArn": "arn:aws:s3:::b"}, {"EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t"},
        {"SelfManagedEventSource": {}}, {"SelfManagedEventSource": SELF, "EventSourceArn": QUEUE},
    ],
    ids=str,
)  # fmt: skip
def test_other_sources_are_not_recognised(wishes: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettingError, match=r"Unrecognized event source\."):
        kind_of(wishes)


FINE: list[tuple[str, dict[str, Any]]] = [
    ("sqs", {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1}),
    ("sqs", {"ScalingConfig": {"MaximumConcurrency": 2}, "FunctionResponseTypes": ["ReportBatchItemFailures"]}),
    ("sqs", {"ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 10_000}}),
    ("kinesis", {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": NOW / 1000}),
    ("kinesis", {"DestinationConfig": {"OnFailure": {"Destination": QUEUE}}, "MaximumRecordAgeInSeconds": 60}),
    ("dynamodb", {"TumblingWindowInSeconds": 900, "FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 5}}),
    ("kafka", {"DestinationConfig": {"OnFailure": {"Destination": "kafka://topic"}}}),
    ("msk", {"ProvisionedPollerConfig": {"MinimumPollers": 1, "MaximumPollers": 2000, "PollerGroupName": "g"}}),
    ("mq", {"SourceAccessConfigurations": [*ACCESS, {"Type": "VIRTUAL_HOST", "URI": "/"}]}),
]


@pytest.mark.parametrize(("kind", "changes"), FINE, ids=str)
def test_settings_within_the_rules_are_taken(kind: str, changes: dict[str, Any]) -> None:
    check(kind, changes)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("sqs", {"BatchSize": 11}, "Maximum batch window in seconds must be greater than 0 if maximum batch size is"),
    ("sqs", {"EventSourceArn": QUEUE + ".fifo", "BatchSize": 11}, "less than or equal to 10"),
    ("sqs", {"EventSourceArn": QUEUE + ".fifo", "MaximumBatchingWindowInSeconds": 1}, "not supported for FIFO"),
    ("sqs", {"DestinationConfig": {}}, "Unsupported DestinationConfig parameter for given event source mapping type."),
    ("sqs", {"StartingPosition": "LATEST"}, "Unsupported StartingPosition parameter"),
    ("sqs", {"ProvisionedPollerConfig": {"MinimumPollers": 1}}, "'minimumPollers' .* greater than or equal to 2"),
    ("sqs", {"ProvisionedPollerConfig": {"MaximumPollers": 1}}, "'maximumPollers' .* greater than or equal to 2"),
    ("msk", {"ProvisionedPollerConfig": {"MaximumPollers": 2001}}, "less than or equal to 2000"),
    ("msk", {"ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 8}}, "cannot be greater than"),
    ("sqs", {"ProvisionedPollerConfig": {"PollerGroupName": "g"}}, "for Kafka event sources only"),
    (
        "sqs",
        {"ProvisionedPollerConfig": {"MinimumPollers": 2}, "ScalingConfig": {"MaximumConcurrency": 2}},
        "cannot be used together",
    ),
    (
        "dynamodb",
        {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1},
        "Unsupported starting position for arn type: arn:aws:dynamodb",
    ),
    ("kinesis", {"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp is required"),
    ("kinesis", {"StartingPositionTimestamp": 1}, "StartingPositionTimestamp is required"),
    ("kinesis", {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": NOW}, "in the future"),
    ("kinesis", {"MaximumRecordAgeInSeconds": 59}, "'maximumRecordAgeInSeconds' .* greater than or equal to 60"),
    ("kinesis", {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}}, "OnSuccess.* is invalid"),
    ("kinesis", {"DestinationConfig": {"OnFailure": {"Destination": "kafka://t"}}}, "onSuccess=null"),
    ("kinesis", {"FilterCriteria": {"Filters": [{"Pattern": "{}"}] * 6}}, "exceeds the limit of 5"),
    ("kinesis", {"FilterCriteria": {"Filters": [{}]}}, "Invalid filter pattern definition."),
    ("mq", {"SourceAccessConfigurations": [{"Type": "IAM_AUTH", "URI": "u"}]}, "Unsupported source access"),
    ("mq", {"SourceAccessConfigurations": [{"Type": "VIRTUAL_HOST", "URI": "u"}]}, "Exactly one .* BASIC_AUTH"),
    ("documentdb", {"DocumentDBEventSourceConfig": {"CollectionName": "c"}}, "'databaseName' parameter is missing"),
]


@pytest.mark.parametrize(("kind", "changes", "text"), WRONG, ids=str)
def test_settings_that_break_a_rule_are_refused(kind: str, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSettingError, match=text):
        check(kind, changes)


# patterns

PATTERNS: list[Any] = [
    {"body": {"a": ["x", 1, 1.5, None, True, ""]}},
    {"a": [{"prefix": "x"}, {"suffix": "y"}, {"equals-ignore-case": "z"}, {"exists": False}]},
    {"a": [{"numeric": [">", 0, "<=", 5]}, {"numeric": ["=", 3]}, {"anything-but": ["x", 1]}, {"anything-but": "x"}]},
    {"a": [{"anything-but": {"prefix": "x"}}], "$or": [{"b": ["1"]}, {"c": {"d": ["2"]}}]},
    {},
]
NO_PATTERNS: list[Any] = [
    [], "x", 1, {"a": "x"}, {"a": []}, {"a": {}}, {"a": 1}, {"a": [[1]]}, {"a": [{}]}, {"a": [{"prefix": 1}]},
    {"a": [{"other": "x"}]}, {"a": [{"prefix": "x", "suffix": "y"}]}, {"a": [{"exists": "x"}]},
    {"a": [{"numeric": [">"]}]}, {"a": [{"numeric": ["~", 1]}]}, {"a": [{"numeric": [">", True]}]},
    {"a": [{"anything-but": []}]}, {"a": [{"anything-but": {"numeric": 1}}]}, {"$or": [{"b": ["1"]}]}, {"$or": [1, 2]},
]  # fmt: skip


DEEP = '{"a":' * 600 + "[1]" + "}" * 600


@pytest.mark.parametrize("pattern", PATTERNS, ids=str)
def test_a_pattern_is_taken(pattern: Any) -> None:
    check_pattern(json.dumps(pattern))


@pytest.mark.parametrize("text", [*map(json.dumps, NO_PATTERNS), "", "{", "{" * 9999, DEEP], ids=lambda text: text[:40])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettingError, match=r"Invalid filter pattern definition\."):
        check_pattern(text)
