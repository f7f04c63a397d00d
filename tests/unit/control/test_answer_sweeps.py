"""Every operation, tried on a function as it is: which ARN is told, which RevisionId changes, what waits for an update."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from refusals import TABLE, A
from world import World

from ingle.protocol import AwsError, load_service

CHANGES_THE_FUNCTION = {
    "AddPermission", "PublishVersion", "RemovePermission", "TagResource", "UntagResource", "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
}  # fmt: skip
"""Operations behind which `$LATEST` has another RevisionId; AWS's answers were recorded."""
CHANGES_THE_ALIAS = {"UpdateAlias"}
WAITS_FOR_AN_UPDATE = {
    "DeleteFunctionCodeSigningConfig", "DeleteFunctionConcurrency", "PublishVersion", "PutFunctionCodeSigningConfig",
    "PutFunctionConcurrency", "TagResource", "UntagResource", "UpdateFunctionCode", "UpdateFunctionConfiguration",
}  # fmt: skip
WITHOUT_FUNCTION = {"DeleteFunction", "DeleteLayerVersion", "DeleteCodeSigningConfig", "DeleteEventSourceMapping"}
"""What deletes is told apart, and of layers there is nothing to be told here."""
MODEL = load_service("lambda")
_ALL = {"": "f", "1": "f:1", "live": "f:live"}
_LATEST = {**_ALL, "": "f:$LATEST"}
_URL = {"": "f", "live": "f:live"}
TOLD = {
    **{key: {"": "f"} for key in ("CreateEventSourceMapping", "GetEventSourceMapping", "UpdateEventSourceMapping", "UpdateFunctionCode", "UpdateFunctionConfiguration")},
    **dict.fromkeys(("GetFunction", "GetFunctionConfiguration"), _ALL),
    **dict.fromkeys(("PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig"), _LATEST),
    **{key: {"": "f:$LATEST", "1": "f:1"} for key in ("PutRuntimeManagementConfig", "GetRuntimeManagementConfig")},
    **dict.fromkeys(("GetFunctionUrlConfig", "UpdateFunctionUrlConfig"), _URL),
    "CreateFunction": {"": "g"},
    "CreateFunctionUrlConfig": {"live": "f:live"},
    "GetFunctionEventInvokeConfig": {"": "f:$LATEST"},
    "PublishVersion": {"": "f:2"},
}  # fmt: skip
"""The FunctionArn of each answer behind the account, by the qualifier that was asked for, where there is anything."""


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # where nothing waits for a disk
        made = World(Path(folder))
        yield made
        made.plane.close()


def revisions(world: World) -> tuple[str, ...]:
    """Return those of the function, a version and an alias."""
    call = world.plane.call
    latest, version = (
        call("GetFunctionConfiguration", FunctionName="f", **named)["RevisionId"] for named in ({}, {"Qualifier": "1"})
    )
    return latest, version, call("GetAlias", FunctionName="f", Name="live")["RevisionId"]


def has(operation: str, member: str) -> bool:
    """Say whether an operation takes a member."""
    return member in MODEL.shapes[MODEL.operations[operation].input or ""].get("members", {})


def test_a_revision_changes_with_what_it_is_of_and_with_nothing_else(world: World) -> None:
    seen: dict[str, tuple[bool, ...]] = {}
    for operation in sorted(TABLE.keys() - WITHOUT_FUNCTION):
        before = revisions(world)
        wish = TABLE[operation][0]
        if operation == "PublishVersion":  # which else has nothing to publish
            world.plane.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
            world.finish("f")
            before = revisions(world)
        world.answer(operation, wish)
        world.finish("f")
        seen[operation] = tuple(one != other for one, other in zip(before, revisions(world), strict=True))
    wanted = {name: (name in CHANGES_THE_FUNCTION, False, name in CHANGES_THE_ALIAS) for name in seen}
    assert seen == wanted


@pytest.mark.parametrize("name", ["busy", "new"])
def test_what_may_be_done_meanwhile_is_done_and_all_else_waits(name: str, world: World) -> None:
    refused = set()
    for operation in TABLE.keys() - WITHOUT_FUNCTION - {"CreateFunction"}:
        wish: dict[str, Any] = dict(TABLE[operation][0])
        if "FunctionName" in wish:
            wish["FunctionName"] = name
        elif wish.get("Resource") == A + "f":
            wish["Resource"] = A + name
        else:
            continue
        if world.answer(operation, wish)[:2] == (409, "ResourceConflictException"):
            refused.add(operation)
    assert refused == WAITS_FOR_AN_UPDATE


def test_an_answer_names_the_function_as_it_was_asked_for(world: World) -> None:
    told: dict[str, dict[str, str]] = {}
    for operation in sorted(TABLE):
        output = MODEL.operations[operation].output
        members = MODEL.shapes[output]["members"] if output else {}
        if ("FunctionArn" not in members and operation != "GetFunction") or operation.startswith("Delete"):
            continue
        told[operation] = {}
        for qualifier in ("", "1", "live") if has(operation, "Qualifier") else ("",):
            named = {"Qualifier": qualifier} if qualifier else {}
            wish = {key: value for key, value in TABLE[operation][0].items() if key != "Qualifier"}
            with contextlib.suppress(AwsError):
                answer = world.told(operation, wish | named)
                told[operation][qualifier] = answer.get("Configuration", answer)["FunctionArn"].removeprefix(A)
            world.finish("f")
    assert told == TOLD
