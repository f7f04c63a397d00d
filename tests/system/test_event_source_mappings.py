"""The operations of event source mappings, with boto3."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.system.test_functions_api import refused

NAME = "event-sources"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
GONE = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")


@pytest.fixture(scope="module", autouse=True)
def function(ingle: Any) -> Iterator[None]:
    """A function with a version 1 and an alias of it."""
    ingle.deploy(NAME, {"app.py": ""}, Publish=True)
    ingle.client().create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    yield
    ingle.client().delete_function(FunctionName=NAME)


def settled(functions: Any, uuid: str, state: str) -> dict[str, Any]:
    """Wait until a mapping is in a state that lasts."""
    deadline = time.monotonic() + 30
    while (got := functions.get_event_source_mapping(UUID=uuid))["State"] != state:
        assert time.monotonic() < deadline, got["State"]
        time.sleep(0.02)
    return dict(got)


def shown(answer: dict[str, Any]) -> dict[str, Any]:
    left_out = ("ResponseMetadata", "LastModified", "UUID", "EventSourceMappingArn")
    return {key: value for key, value in answer.items() if key not in left_out}


def test_a_mapping_of_a_queue_lives_as_lambda_shows_it(functions: Any) -> None:
    made = functions.create_event_source_mapping(EventSourceArn=QUEUE + "life", FunctionName=NAME, Tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    expected = {
        "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": QUEUE + "life", "FunctionArn": ARN,
        "FunctionResponseTypes": [], "State": "Creating", "StateTransitionReason": "USER_INITIATED",
    }  # fmt: skip
    assert shown(made) == expected
    uuid, arn = made["UUID"], made["EventSourceMappingArn"]
    assert arn == f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}"
    got = settled(functions, uuid, "Disabled")  # until a poller makes it anything else
    assert got["StateTransitionReason"].startswith("USER_INITIATED. Ingle runs no pollers yet")
    functions.tag_resource(Resource=arn, Tags={"c": "d"})
    functions.untag_resource(Resource=arn, TagKeys=["a"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"c": "d"}
    changed = functions.update_event_source_mapping(
        UUID=uuid, Enabled=False, BatchSize=5, FunctionName=f"{NAME}:live", ScalingConfig={"MaximumConcurrency": 9}
    )
    assert changed["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (changed["State"], changed["BatchSize"], changed["FunctionArn"]) == ("Disabling", 5, f"{ARN}:live")
    assert settled(functions, uuid, "Disabled")["StateTransitionReason"] == "USER_INITIATED"
    cleared = functions.update_event_source_mapping(UUID=uuid, ScalingConfig={})
    assert cleared["State"] == "Updating"
    assert "ScalingConfig" not in cleared
    assert cleared["BatchSize"] == 5
    settled(functions, uuid, "Disabled")
    done = functions.delete_event_source_mapping(UUID=uuid)
    assert (done["ResponseMetadata"]["HTTPStatusCode"], done["State"]) == (202, "Deleting")
    deadline = time.monotonic() + 30
    while uuid in {one["UUID"] for one in functions.list_event_source_mappings()["EventSourceMappings"]}:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for call in (functions.get_event_source_mapping, functions.delete_event_source_mapping):
        assert refused(call, UUID=uuid) == GONE
    assert refused(functions.update_event_source_mapping, UUID=uuid, BatchSize=1) == GONE
    assert refused(functions.list_tags, Resource=arn) == (*GONE[:2], f"Event source mapping not found: {arn}")


def test_a_mapping_on_its_way_is_in_use(functions: Any) -> None:
    for attempt in range(20):  # a slow machine may let it settle before the second request
        source = f"{QUEUE}busy-{attempt}"
        made = functions.create_event_source_mapping(EventSourceArn=source, FunctionName=NAME)
        try:
            functions.delete_event_source_mapping(UUID=made["UUID"])
        except functions.exceptions.ResourceInUseException as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
            assert error.response["Message"] == "Cannot delete the event source mapping because it is in use."
            return
    pytest.fail("it was never seen in use")


def test_a_mapping_of_a_stream_shows_lambdas_defaults(functions: Any) -> None:
    pattern = '{"data":{"a":[1]}}'
    made = functions.create_event_source_mapping(
        EventSourceArn=STREAM, FunctionName=f"{ARN}:1", StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=1_700_000_000, FilterCriteria={"Filters": [{"Pattern": pattern}]},
    )  # fmt: skip
    expected = {
        "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "ParallelizationFactor": 1, "EventSourceArn": STREAM,
        "FunctionArn": f"{ARN}:1", "DestinationConfig": {"OnFailure": {}}, "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False, "MaximumRetryAttempts": -1, "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [], "StartingPosition": "AT_TIMESTAMP", "State": "Creating",
        "StateTransitionReason": "User action", "LastProcessingResult": "No records processed",
        "FilterCriteria": {"Filters": [{"Pattern": pattern}]},
    }  # fmt: skip
    assert made["StartingPositionTimestamp"].timestamp() == 1_700_000_000
    assert {key: value for key, value in shown(made).items() if key != "StartingPositionTimestamp"} == expected


def test_a_self_managed_kafka_gets_a_consumer_group_of_its_own(functions: Any) -> None:
    source = {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["broker.example:9092"]}}
    made = functions.create_event_source_mapping(
        SelfManagedEventSource=source, FunctionName=NAME, StartingPosition="LATEST", Topics=["topic"],
        SourceAccessConfigurations=[{"Type": "VPC_SUBNET", "URI": "subnet:s"}],
    )  # fmt: skip
    assert made["SelfManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": made["UUID"]}
    assert (made["SelfManagedEventSource"], made["Topics"]) == (source, ["topic"])
    assert "EventSourceArn" not in made


def test_one_source_leads_to_one_function_once(functions: Any) -> None:
    first = functions.create_event_source_mapping(EventSourceArn=QUEUE + "once", FunctionName=NAME)
    functions.create_event_source_mapping(EventSourceArn=QUEUE + "once", FunctionName=f"{NAME}:live")
    seen = refused(functions.create_event_source_mapping, EventSourceArn=QUEUE + "once", FunctionName=f"{NAME}:$LATEST")
    assert seen == (
        "ResourceConflictException", 409,
        f'An event source mapping with SQS arn (" {QUEUE}once ") and function (" {NAME} ") already exists. Please update'
        f" or delete the existing mapping with UUID {first['UUID']}",
    )  # fmt: skip


def test_mappings_are_listed_by_source_and_function_page_by_page(functions: Any) -> None:
    for number in range(3):
        functions.create_event_source_mapping(EventSourceArn=f"{QUEUE}list-{number}", FunctionName=f"{NAME}:1")
    functions.create_event_source_mapping(EventSourceArn=f"{QUEUE}list-0", FunctionName=NAME)

    def listed(**wishes: Any) -> list[tuple[str, str]]:
        pages = functions.get_paginator("list_event_source_mappings").paginate(
            PaginationConfig={"PageSize": 2}, **wishes
        )
        found = [one for page in pages for one in page["EventSourceMappings"]]
        assert all(len(page["EventSourceMappings"]) <= 2 for page in pages)
        return sorted((one["EventSourceArn"], one["FunctionArn"]) for one in found if "list-" in one["EventSourceArn"])

    mine = [(f"{QUEUE}list-{number}", f"{ARN}:1") for number in range(3)]
    assert listed(FunctionName=f"{ARN}:1") == mine
    assert listed(EventSourceArn=f"{QUEUE}list-0") == [(f"{QUEUE}list-0", ARN), mine[0]]
    assert listed(EventSourceArn=f"{QUEUE}list-0", FunctionName=NAME) == [(f"{QUEUE}list-0", ARN)]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no_source": ({"EventSourceArn": None}, "InvalidParameterValueException", "Unrecognized event source."),
    "function": ({"FunctionName": "nobody"}, "InvalidParameterValueException", "Function does not exist"),
    "qualifier": ({"FunctionName": f"{NAME}:9"}, "InvalidParameterValueException", "Function does not exist"),
    "batch": ({"BatchSize": 0}, "ValidationException", "greater than or equal to 1"),
    "window": ({"BatchSize": 11}, "InvalidParameterValueException", "Maximum batch window in seconds must be greater"),
    "pattern": (
        {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
        "InvalidParameterValueException", "Invalid filter pattern definition.",
    ),
    "position": (
        {"EventSourceArn": STREAM + "2"},
        "InvalidParameterValueException", "1 validation error detected: Value null at 'startingPosition'",
    ),
    "concurrency": ({"ScalingConfig": {"MaximumConcurrency": 1}}, "ValidationException", "greater than or equal to 2"),
    "key": ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"}, "InvalidParameterValueException", "customer"),
    "tags": ({"Tags": {"aws:x": "1"}}, "InvalidParameterValueException", "aws: prefixed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mapping_that_breaks_a_rule_is_refused(case: str, functions: Any) -> None:
    wishes, code, text = REFUSED[case]
    given = {"EventSourceArn": QUEUE + "refused", "FunctionName": NAME, **wishes}
    seen = refused(functions.create_event_source_mapping, **{key: one for key, one in given.items() if one is not None})
    assert seen[:2] == (code, 400)
    assert text in seen[2]
    assert functions.list_event_source_mappings(EventSourceArn=QUEUE + "refused")["EventSourceMappings"] == []
