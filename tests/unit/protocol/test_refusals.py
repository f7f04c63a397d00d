"""Each operation refuses what it should, in AWS's words, and of two things the one that AWS looks at first."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from refusals import TABLE, Row
from world import World

from ingle.protocol import AwsError

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "operations.md"
SERVED = re.findall(r"^\| (\w+) \| `[^`]+` \| served \|$", PAGE.read_text().split("\n## ")[1], re.M)
ELSEWHERE = {
    "Invoke", "InvokeAsync", "InvokeWithResponseStream",  # the gateway's
    "GetAccountSettings", "ListCodeSigningConfigs", "ListEventSourceMappings", "ListLayers", "ListLayerVersions",
    "ListFunctionEventInvokeConfigs", "DeleteFunctionEventInvokeConfig",  # which refuse shapes and markers alone
    "PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy",  # which have tests of their own
}  # fmt: skip


UNTYPED = ("Specified ", "$LATEST is not supported")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # where nothing waits for a disk
        made = World(Path(folder))
        yield made
        made.plane.close()


def pairs(rows: list[Row]) -> Iterator[tuple[Row, Row]]:
    """Yield what may be wrong together, the one first that AWS looks at first."""
    for first in rows:
        for second in rows:
            if first[0] < second[0] and not first[1].keys() & second[1].keys():
                yield first, second


def test_every_operation_is_in_the_table() -> None:
    assert TABLE.keys() | ELSEWHERE == set(SERVED)


@pytest.mark.parametrize("operation", TABLE)
def test_a_refusal_has_a_type_but_on_concurrency_and_weights(operation: str, world: World) -> None:
    good, rows = TABLE[operation]
    for _, change, _, code, text in rows:
        with pytest.raises(AwsError) as caught:
            world.told(operation, good | change)
        is_typed = code != "ValidationException" and not text.startswith(UNTYPED)
        assert caught.value.body().get("Type") == ("User" if is_typed else None), change


@pytest.mark.parametrize("operation", TABLE)
def test_what_is_wrong_is_refused_in_awss_words_and_order(operation: str, world: World) -> None:
    good, rows = TABLE[operation]
    wrong = []
    for wish, (_, change, status, code, text) in [
        *((good | row[1], row) for row in rows),
        *((good | second[1] | first[1], first) for first, second in pairs(rows)),
    ]:
        seen = world.answer(operation, wish)
        if seen[:2] != (status, code) or not (seen[2].startswith(text) or (text in seen[2] and code.startswith("Val"))):
            wrong.append((change, wish.keys(), seen, (status, code, text)))
    assert wrong == []
