"""From a qualifier to the version that serves."""

import pytest

from ingle.routing import FunctionRoute, UnknownVersionError, VersionRoute, resolve

LATEST = VersionRoute(version="$LATEST", revision="a", state="Active", runtime="python3.11")
ONE = VersionRoute(version="1", revision="b", state="Active", runtime="python3.11")
FUNCTION = FunctionRoute(account="0" * 12, region="us-east-1", name="f", versions={"$LATEST": LATEST, "1": ONE})


def test_no_qualifier_names_latest() -> None:
    assert resolve(FUNCTION, None) is LATEST
    assert resolve(FUNCTION, "$LATEST") is LATEST


def test_a_number_names_its_version_and_another_none() -> None:
    assert resolve(FUNCTION, "1") is ONE
    with pytest.raises(UnknownVersionError):
        resolve(FUNCTION, "2")
