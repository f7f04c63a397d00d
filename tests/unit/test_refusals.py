"""Each operation refuses what it should, in AWS's words, and of two things the one that AWS looks at first."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import ControlPlane
from refusals import CODE_SETTINGS, LAYER_STATEMENT, PROFILE, QUEUE, STATEMENT, TABLE, ZIP, A, Row

from ingle.protocol import AwsError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "operations.md"
SERVED = re.findall(r"^\| (\w+) \| `[^`]+` \| served \|$", PAGE.read_text().split("\n## ")[1], re.M)
ELSEWHERE = {
    "Invoke", "InvokeAsync", "InvokeWithResponseStream",  # the gateway's
    "GetAccountSettings", "ListCodeSigningConfigs", "ListEventSourceMappings", "ListLayers", "ListLayerVersions",
    "ListFunctionEventInvokeConfigs", "DeleteFunctionEventInvokeConfig",  # which refuse shapes and markers alone
    "PutResourcePolicy", "GetResourcePolicy", "DeleteResourcePolicy",  # which have tests of their own
}  # fmt: skip


UNTYPED = ("Specified ", "$LATEST is not supported")


class World:
    """Control with one of everything: functions that are there, being made and being changed."""

    def __init__(self, folder: Path) -> None:
        self.plane = ControlPlane(folder)
        call = self.plane.call
        for name in ("f", "spare", "busy"):
            call("CreateFunction", FunctionName=name, Code={"ZipFile": ZIP}, **CODE_SETTINGS)
        self.plane.finish()
        for name in ("f", "spare"):
            call("PublishVersion", FunctionName=name)
        call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
        self.plane.finish()
        call("PublishVersion", FunctionName="f")
        call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
        call("AddPermission", FunctionName="f", **{**STATEMENT, "StatementId": "s"})
        call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
        call("TagResource", Resource=A + "f", Tags={"mine": "1"})
        call("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1)
        for _ in range(2):
            call("PublishLayerVersion", LayerName="l", Content={"ZipFile": ZIP})
        call("AddLayerVersionPermission", LayerName="l", VersionNumber=1, **{**LAYER_STATEMENT, "StatementId": "s"})
        publishers = {"SigningProfileVersionArns": [PROFILE]}
        config = call("CreateCodeSigningConfig", AllowedPublishers=publishers)["CodeSigningConfig"]
        mapping = call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE + "-ours")
        self.plane.settle_mapping(mapping["UUID"])
        self._ours = {"CodeSigningConfigArn": config["CodeSigningConfigArn"], "UUID": mapping["UUID"]}
        call("CreateFunction", FunctionName="new", Code={"ZipFile": ZIP}, **CODE_SETTINGS)
        call("UpdateFunctionConfiguration", FunctionName="busy", Timeout=4)

    def told(self, operation: str, wish: dict[str, Any]) -> dict[str, Any]:
        """Return what an operation answers. Raises AwsError."""
        meant = {name: self._ours[name] if value == "ours" else value for name, value in wish.items()}
        return self.plane.call(operation, **{name: value for name, value in meant.items() if value is not None})

    def answer(self, operation: str, wish: dict[str, Any]) -> tuple[int, str, str]:
        """Return status, code and message of what an operation refuses."""
        try:
            self.told(operation, wish)
        except AwsError as error:
            return error.status, error.code, error.message
        return 200, "", ""

    def finish(self, name: str) -> None:
        """Do what is left to do for one function; others stay as they are."""
        others = {other: function for other, function in self.plane.optimiser.held.items() if other != name}
        self.plane.optimiser.held = {key: one for key, one in self.plane.optimiser.held.items() if key == name}
        self.plane.finish()
        self.plane.optimiser.held = others


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
