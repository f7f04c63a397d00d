"""Destinations of asynchronous invocations: functions get Lambda's record, chains that lead back end, others are refused."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Ingle
from tests.system.test_events import until
from tests.system.test_functions_api import refused

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
SOURCE = """
def handler(event, context):
    if event == "fail":
        raise ValueError("as told")
    print("GOT", __import__("json").dumps(event))
    return {"seen": event} if "n" in event else None
"""


@pytest.fixture(scope="module", autouse=True)
def chain(ingle: Ingle) -> Iterator[None]:
    names = ("dest-from", "dest-good", "dest-bad")
    for name in names:
        ingle.deploy(name, {"app.py": SOURCE}, Publish=name == "dest-bad")
    config = {"OnSuccess": {"Destination": ARN + "dest-good"}, "OnFailure": {"Destination": ARN + "dest-bad:1"}}
    ingle.client().put_function_event_invoke_config(
        FunctionName="dest-from", MaximumRetryAttempts=1, DestinationConfig=config
    )
    yield
    for name in names:
        ingle.client().delete_function(FunctionName=name)


def send(ingle: Ingle, event: Any) -> str:
    answer = ingle.client().invoke(FunctionName="dest-from", InvocationType="Event", Payload=json.dumps(event).encode())
    return str(answer["ResponseMetadata"]["RequestId"])


def records(ingle: Ingle, name: str, request_id: str) -> list[dict[str, Any]]:
    """Return the records that a destination got of an event."""
    client = ingle.client("logs")
    try:
        found = client.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern=f'GOT "{request_id}"')
    except client.exceptions.ResourceNotFoundException:
        return []
    return [json.loads(event["message"].removeprefix("GOT ")) for event in found["events"]]


def test_a_success_reaches_its_destination(ingle: Ingle) -> None:
    request_id = send(ingle, {"n": 1})
    told = until(lambda: records(ingle, "dest-good", request_id))[0]
    context = {"requestId": request_id, "functionArn": f"{ARN}dest-from:$LATEST", "condition": "Success"}
    assert told["requestContext"] == {**context, "approximateInvokeCount": 1}
    assert (told["version"], told["requestPayload"]) == ("1.0", {"n": 1})
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert told["responsePayload"] == {"seen": {"n": 1}}


def test_a_failure_reaches_the_other_with_its_error_and_the_count_of_attempts(ingle: Ingle) -> None:
    request_id = send(ingle, "fail")
    told = until(lambda: records(ingle, "dest-bad", request_id))[0]
    assert told["requestContext"]["condition"] == "RetriesExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 2
    assert told["responseContext"]["functionError"] == "Unhandled"
    assert told["responsePayload"]["errorMessage"] == "as told"


def test_events_of_a_closed_function_reach_the_destination_unanswered(ingle: Ingle) -> None:
    client = ingle.client()
    client.put_function_concurrency(FunctionName="dest-from", ReservedConcurrentExecutions=0)
    try:
        request_id = send(ingle, {"n": 2})
        told = until(lambda: records(ingle, "dest-bad", request_id))[0]
    finally:
        client.delete_function_concurrency(FunctionName="dest-from")
    assert told["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert told["requestContext"]["approximateInvokeCount"] == 0
    assert told["requestPayload"] == {"n": 2}
    assert "responseContext" not in told


def test_two_functions_that_are_each_others_destinations_do_not_call_each_other_for_ever(ingle: Ingle) -> None:
    client = ingle.client()
    back = {"OnSuccess": {"Destination": ARN + "dest-from"}, "OnFailure": {"Destination": ARN + "dest-bad:1"}}
    client.put_function_event_invoke_config(FunctionName="dest-good", DestinationConfig=back)
    try:
        request_id = send(ingle, {"n": 3})
        ended = until(lambda: [one for one in records(ingle, "dest-bad", request_id) if "Recursive" in str(one)])
    finally:
        client.delete_function_event_invoke_config(FunctionName="dest-good")
    assert "RecursiveInvocationsExceeded" in str(ended[0])
    assert 10 <= len(records(ingle, "dest-good", request_id)) <= 20


@pytest.mark.parametrize("service", ["sqs", "sns", "events"])
def test_what_cannot_be_delivered_is_refused_with_what_to_do(service: str, functions: Any) -> None:
    arn = f"arn:aws:{service}:us-east-1:000000000000:x"
    functions.put_function_event_invoke_config(FunctionName="dest-bad:1", MaximumRetryAttempts=0)
    for call in (functions.put_function_event_invoke_config, functions.update_function_event_invoke_config):
        wanted = {"OnSuccess": {"Destination": arn}}
        code, status, text = refused(call, FunctionName="dest-bad:1", DestinationConfig=wanted)
        assert (code, status) == ("InvalidParameterValueException", 400)
        assert text.startswith(f"The destination ARN {arn} is invalid.")
        assert "functions only" in text
