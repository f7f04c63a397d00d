"""What a destination gets of an event, and how a chain of invocations is counted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingle.queues import (
    RECURSION_LIMIT,
    Answered,
    Condition,
    QueuedEvent,
    extended,
    invocation_record,
    is_reported,
    visits,
)
from ingle.values import FunctionArn

ARN = FunctionArn(region="us-east-1", account="000000000000", name="f", qualifier=None)
A, B = "arn:aws:lambda:us-east-1:000000000000:function:a", "arn:aws:lambda:us-east-1:000000000000:function:b"
TRACE = b"Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"


def event(failures: int = 0, qualifier: str | None = None) -> QueuedEvent:
    arn = ARN.qualified(qualifier)
    return QueuedEvent(id=1, arn=arn, request_id="r", accepted_ms=0, due_ms=0, failures=failures)


def record(condition: Condition, answered: Answered | None, failures: int = 0, payload: bytes = b'{"a": 1}') -> object:
    made = invocation_record(event(failures), condition, payload, answered, 1_700_000_000_123)
    return json.loads(made)


def test_a_success_is_told_with_the_answer() -> None:
    assert record(Condition.SUCCESS, Answered(executed_version="$LATEST", payload=b"[2]")) == {
        "version": "1.0",
        "timestamp": "2023-11-14T22:13:20.123Z",
        "requestContext": {
            "requestId": "r", "functionArn": f"{ARN}:$LATEST", "condition": "Success", "approximateInvokeCount": 1,
        },
        "requestPayload": {"a": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": [2],
    }  # fmt: skip


def test_a_failure_is_told_with_its_last_error() -> None:
    answered = Answered(executed_version="3", function_error="Unhandled", payload=b'{"errorMessage": "no"}')
    told = record(Condition.RETRIES_EXHAUSTED, answered, failures=2)
    assert isinstance(told, dict)
    assert told["requestContext"]["approximateInvokeCount"] == 3
    assert told["responseContext"] == {"statusCode": 200, "executedVersion": "3", "functionError": "Unhandled"}
    assert told["responsePayload"] == {"errorMessage": "no"}


@pytest.mark.parametrize("condition", [Condition.ZERO_RESERVED_CONCURRENCY, Condition.EVENT_AGE_EXCEEDED])
def test_an_event_that_did_not_run_has_no_response(condition: Condition) -> None:
    told = record(condition, None, payload=b"")
    assert isinstance(told, dict)
    assert told["requestContext"]["approximateInvokeCount"] == 0
    assert told["requestPayload"] is None
    assert not {"responseContext", "responsePayload"} & set(told)


@pytest.mark.parametrize(("answer", "shown"), [(b"hello", "hello"), (b"\xff{", "\ufffd{"), (b'{"a": 01}', '{"a": 01}')])
def test_an_answer_that_is_no_json_is_told_as_text(answer: bytes, shown: str) -> None:
    told = record(Condition.SUCCESS, Answered(executed_version="1", payload=answer))
    assert isinstance(told, dict)
    assert told["responsePayload"] == shown


def test_nothing_is_told_of_an_event_that_nobody_can_read_or_run() -> None:
    assert {one for one in Condition if not is_reported(one)} == {Condition.QUALIFIER_GONE, Condition.UNREADABLE}


def test_a_chain_is_counted_function_by_function() -> None:
    trace = extended(extended(extended(TRACE, A), B), A)
    assert (visits(trace, A), visits(trace, B), visits(TRACE, A)) == (2, 1, 0)
    assert trace.startswith(TRACE + b";Lineage=")


def test_a_long_chain_keeps_the_header_short() -> None:
    trace = TRACE
    for number in range(100):
        trace = extended(trace, f"{A}{number}")
    assert len(trace) < 256
    assert visits(trace, f"{A}99") == 1


@pytest.mark.parametrize("functions", [1, 2, 8, 9, 40])
def test_a_ring_of_any_size_ends(functions: int) -> None:
    trace = TRACE
    for number in range(2_000):
        function = f"{A}{number % functions}"
        if visits(trace, function) > RECURSION_LIMIT:
            break
        trace = extended(trace, function)
    assert RECURSION_LIMIT * min(functions, 8) <= number < 1_000
    assert len(trace) < 256


@given(st.binary(max_size=80))
def test_a_header_of_any_bytes_is_extended(trace: bytes) -> None:
    assert visits(extended(trace, A), A) >= 1
