"""Names and ARNs of functions in their three forms, identifiers, the clock and the sizes."""

import dataclasses
import time
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingle.values import (
    MIB,
    PAYLOAD_LIMIT_BYTES,
    RESPONSE_LIMIT_BYTES,
    STREAM_BUFFER_BYTES,
    STREAM_LIMIT_BYTES,
    Clock,
    FunctionArn,
    FunctionReference,
    IngleError,
    InvalidFunctionNameError,
    SystemClock,
    iso_time,
    new_request_id,
    parse_function_reference,
)

ACCOUNT = "123456789012"
FULL = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"
NAMES = st.from_regex(r"[a-zA-Z_-][a-zA-Z0-9_-]{0,63}", fullmatch=True).filter(lambda name: name != "function")
QUALIFIERS = st.none() | st.sampled_from(["$LATEST", "$LATEST.PUBLISHED", "1", "live"]) | NAMES


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("f", FunctionReference(name="f")),
        ("f:1", FunctionReference(name="f", qualifier="1")),
        ("f:$LATEST", FunctionReference(name="f", qualifier="$LATEST")),
        ("A-b_9:live-1", FunctionReference(name="A-b_9", qualifier="live-1")),
        ("function:f", FunctionReference(name="f")),
        ("function", FunctionReference(name="function")),
        (f"{ACCOUNT}:function:f", FunctionReference(name="f", account=ACCOUNT)),
        (FULL[:-2], FunctionReference(name="function", region="eu-west-1", account=ACCOUNT)),
        (f"{ACCOUNT}:function:f:live", FunctionReference(name="f", account=ACCOUNT, qualifier="live")),
        (f"{ACCOUNT}:f", FunctionReference(name="f", account=ACCOUNT)),
        (ACCOUNT, FunctionReference(name=ACCOUNT)),
        (FULL, FunctionReference(name="f", account=ACCOUNT, region="eu-west-1")),
        (f"{FULL}:1", FunctionReference(name="f", account=ACCOUNT, region="eu-west-1", qualifier="1")),
        (
            f"{FULL}:$LATEST.PUBLISHED",
            FunctionReference(name="f", account=ACCOUNT, region="eu-west-1", qualifier="$LATEST.PUBLISHED"),
        ),
        (
            FULL.replace("aws", "aws-us-gov").replace("eu-west-1", "us-gov-west-1"),
            FunctionReference(name="f", account=ACCOUNT, region="us-gov-west-1"),
        ),
    ],
)
def test_a_function_is_named_in_three_forms(text: str, reference: FunctionReference) -> None:
    assert parse_function_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "f ",
        " f",
        "f\n",
        "a b",
        "f:",
        ":f",
        "f:1:2",
        "f:$latest",
        "f:$LATEST.",
        "f:$1",
        "f/1",
        "../f",
        "f;g",
        "é",
        "f:é",
        "f\0",
        f"{ACCOUNT}1:function:f",
        f"{ACCOUNT}:function:",
        f"{ACCOUNT}:Function:f:1",
        "١٢٣٤٥٦٧٨٩٠١٢:function:f",
        "arn:aws:lambda:eu-west-1:function:f",
        f"arn:aws:lambda::{ACCOUNT}:function:f",
        f"arn:aws:s3:eu-west-1:{ACCOUNT}:function:f",
        f"{FULL}:1:2",
        f"{FULL}/1",
        f"arn::lambda:eu-west-1:{ACCOUNT}:function:f",
        f"arn:aws:lambda:EU-WEST-1:{ACCOUNT}:function:f",
        FULL.upper(),
        f"arn:aws:lambda:eu-west-1:{ACCOUNT}:layer:l:1",
        f"x{FULL}",
        f"{FULL}\n",
    ],
)
def test_anything_else_is_no_function(text: str) -> None:
    with pytest.raises(InvalidFunctionNameError):
        parse_function_reference(text)


def test_a_wrong_name_is_an_error_of_ingle_that_may_be_shown() -> None:
    with pytest.raises(IngleError, match="not a function name or ARN: a b"):
        parse_function_reference("a b")


@settings(max_examples=100, deadline=None)
@given(NAMES, QUALIFIERS)
def test_an_arn_is_read_as_it_is_written(name: str, qualifier: str | None) -> None:
    arn = FunctionArn(region="eu-west-1", account=ACCOUNT, name=name, qualifier=qualifier)
    read = parse_function_reference(str(arn))
    assert read == FunctionReference(name=name, region="eu-west-1", account=ACCOUNT, qualifier=qualifier)
    partial = str(arn).partition("eu-west-1:")[2]
    assert parse_function_reference(partial) == dataclasses.replace(read, region=None)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="arn:aws:lambda:eu-west-1:123456789012:function:f$LATEST/ \n", max_size=60))
def test_any_text_is_a_function_or_none(text: str) -> None:
    try:
        read = parse_function_reference(text)
    except InvalidFunctionNameError:
        return
    assert read.name in text
    assert ":" not in read.name
    assert read.region is None or read.account is not None


def test_an_arn_can_be_qualified_and_stays_itself() -> None:
    arn = FunctionArn(region="eu-west-1", account=ACCOUNT, name="f")
    assert str(arn) == FULL
    assert str(arn.qualified("live")) == f"{FULL}:live"
    assert arn.qualified("live").qualified(None) == arn
    assert len({arn, arn.qualified(None), arn.qualified("1")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        arn.name = "g"  # type: ignore[misc]


def test_a_request_id_is_a_random_uuid() -> None:
    made = [new_request_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    for text in made:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_the_systems_clock_tells_the_time_and_never_goes_back() -> None:
    clock: Clock = SystemClock()
    before = time.time_ns() // 1_000_000
    assert before <= clock.now_ms() <= time.time_ns() // 1_000_000
    told = [clock.monotonic_ns() for _ in range(100)]
    assert told == sorted(told)


def test_the_sizes_are_lambdas() -> None:
    assert MIB == 2**20
    assert PAYLOAD_LIMIT_BYTES == 6 * 2**20
    assert RESPONSE_LIMIT_BYTES == 6 * 2**20 + 100
    assert STREAM_LIMIT_BYTES == 200 * 2**20
    assert STREAM_BUFFER_BYTES == 2**18


def test_a_time_is_written_to_the_millisecond() -> None:
    assert iso_time(1_700_000_000_003) == "2023-11-14T22:13:20.003Z"
