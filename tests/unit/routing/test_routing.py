"""From a qualifier to the version that serves."""

import random
from collections import Counter

import pytest

from ingle.routing import AliasRoute, FunctionRoute, UnknownVersionError, VersionRoute, resolve

LATEST = VersionRoute(version="$LATEST", revision="a", state="Active", runtime="python3.11")
ONE = VersionRoute(version="1", revision="b", state="Active", runtime="python3.11")
FUNCTION = FunctionRoute(
    account="0" * 12, region="us-east-1", name="f", versions={"$LATEST": LATEST, "1": ONE}, aliases={
    "live": AliasRoute(version="1"), "canary": AliasRoute(version="$LATEST", weights={"1": 0.1}),
})  # fmt: skip


def test_no_qualifier_names_latest() -> None:
    assert resolve(FUNCTION, None, 0.0) is LATEST
    assert resolve(FUNCTION, "$LATEST", 0.0) is LATEST


def test_a_number_names_its_version_and_another_none() -> None:
    assert resolve(FUNCTION, "1", 0.0) is ONE
    with pytest.raises(UnknownVersionError):
        resolve(FUNCTION, "2", 0.0)


def test_an_alias_names_its_version() -> None:
    assert resolve(FUNCTION, "live", 0.999) is ONE
    with pytest.raises(UnknownVersionError):
        resolve(FUNCTION, "dead", 0.0)


def test_the_draw_decides_which_version_of_a_weighted_alias_serves() -> None:
    assert resolve(FUNCTION, "canary", 0.0999) is ONE
    assert resolve(FUNCTION, "canary", 0.1) is LATEST


def test_an_aliass_weights_are_the_shares_of_the_invocations() -> None:
    draws = random.Random(7)
    counted = Counter(resolve(FUNCTION, "canary", draws.random()).version for _ in range(20_000))
    # Six standard deviations of a binomial distribution.
    assert abs(counted["1"] - 2_000) < 6 * (20_000 * 0.1 * 0.9) ** 0.5
