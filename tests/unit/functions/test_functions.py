"""What users declare: versions and the rules on settings."""

import pytest
from sample_functions import function, published

from ingle.functions import (
    RESERVED_VARIABLES,
    Alias,
    FunctionNotFoundError,
    FunctionNotReadyError,
    InvalidSettingError,
    RevisionMismatchError,
    UpdateInProgressError,
    VersionInUseError,
    check_runtime,
    check_variables,
)
from ingle.values import AWS_RUNTIMES


def test_versions_are_numbered_from_one_and_never_again_by_a_used_number() -> None:
    held, one = function().publish(None, "x", 1)
    held = held.with_version(held.latest.replace(timeout_s=9))
    held, two = held.publish(None, "y", 2)
    held = held.without_version("2").with_version(held.latest.replace(timeout_s=10))
    _, three = held.publish(None, "z", 3)
    assert (one.version, two.version, three.version) == ("1", "2", "3")


def test_publishing_the_same_twice_gives_the_same_version() -> None:
    held, one = function().publish("d", "x", 1)
    for description in ("d", "another", None):
        assert held.publish(description, "y", 2) == (held, one)


def test_a_version_keeps_what_latest_was() -> None:
    held, one = function().publish(None, "x", 1)
    changed = held.with_version(held.latest.replace(memory_mib=512))
    assert changed.versions["1"] == one
    assert one.memory_mib == 128


@pytest.mark.parametrize(
    ("settings", "revision", "error"),
    [
        ({}, "stale", RevisionMismatchError),
        ({"state": "Pending"}, None, FunctionNotReadyError),
        ({"update_status": "InProgress"}, None, UpdateInProgressError),
    ],
)
def test_a_change_that_comes_at_the_wrong_time_is_refused(
    settings: dict[str, str], revision: str | None, error: type[Exception]
) -> None:
    held = function(**settings)
    with pytest.raises(error):
        held.latest.check_can_change(held.arn, revision)


@pytest.mark.parametrize("name", sorted(RESERVED_VARIABLES))
def test_reserved_variables_are_named_in_the_refusal(name: str) -> None:
    with pytest.raises(InvalidSettingError, match=name):
        check_variables({name: "x", "MINE": "y"})


def test_variables_may_take_4_kb_and_not_a_byte_more() -> None:
    overhead = len('{"NAME":""}')
    check_variables({"NAME": "x" * (4096 - overhead)})
    with pytest.raises(InvalidSettingError, match="4KB"):
        check_variables({"NAME": "x" * (4097 - overhead)})


def test_only_a_runtime_that_aws_has_removed_is_refused() -> None:
    for name in AWS_RUNTIMES:
        check_runtime(name)
    for name in ("python2.7", "nodejs14.x", "go1.x", "java8", "provided"):
        with pytest.raises(InvalidSettingError, match="no longer supported"):
            check_runtime(name)


@pytest.mark.parametrize(
    ("version", "weights", "error", "text"),
    [
        ("9", {}, FunctionNotFoundError, "function:f:9"),
        ("1", {"9": 0.5}, FunctionNotFoundError, "function:f:9"),
        ("1", {"2": 0.1, "3": 0.1}, InvalidSettingError, "greater than 1"),
        ("1", {"1": 0.1}, InvalidSettingError, "already included in routing configuration"),
        ("$LATEST", {"1": 0.1}, InvalidSettingError, "$LATEST is not supported for an alias pointing to more than 1"),
    ],
)
def test_an_alias_that_breaks_a_rule_is_refused(
    version: str, weights: dict[str, float], error: type[Exception], text: str
) -> None:
    with pytest.raises(error) as caught:
        published(3).with_alias(Alias(name="a", function_version=version, weights=weights))
    assert text in str(caught.value)


def test_an_alias_divides_between_versions_of_one_role_only() -> None:
    held = published(1)
    held, _ = held.with_version(held.latest.replace(role="other")).publish(None, "x", 9)
    with pytest.raises(InvalidSettingError, match="associated with the same execution role"):
        held.with_alias(Alias(name="a", function_version="1", weights={"2": 0.5}))


def test_a_version_with_an_alias_stays() -> None:
    held = published(3).with_alias(Alias(name="b", function_version="1", weights={"2": 0.5}))
    held = held.with_alias(Alias(name="a", function_version="2"))
    with pytest.raises(VersionInUseError, match=r"reference it: \[a, b\]"):
        held.without_version("2")
    assert "2" not in held.without_alias("a").without_alias("b").without_version("2").versions
    assert held.version_of("b") is held.versions["1"]
