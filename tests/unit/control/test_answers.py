"""An answer tells what the next call sees: of functions, versions and code that are still being made."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from in_process import RUNTIME, ControlPlane
from sample_code import CODES, DIGESTS, ROLE

from ingle.artifacts import Manifest

OURS = "arn:aws:lambda:us-east-1:000000000000:function:f"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path)
    yield made
    made.close()


def create(plane: ControlPlane, **more: Any) -> dict[str, Any]:
    wish = {"FunctionName": "f", "Runtime": RUNTIME, "Role": ROLE, "Handler": "app.h", "Code": {"ZipFile": CODES[0]}}
    return plane.call("CreateFunction", **wish | more)


def shown(plane: ControlPlane, qualifier: str | None = None) -> dict[str, Any]:
    named = {"Qualifier": qualifier} if qualifier else {}
    return plane.call("GetFunctionConfiguration", FunctionName="f", **named)


def state_of(answer: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(answer.get(name) for name in ("Version", "State", "StateReasonCode", "LastUpdateStatus"))


def plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "FunctionArn")}


def test_a_created_version_is_there_at_once_and_the_answer_names_the_function(plane: ControlPlane) -> None:
    answer = create(plane, Publish=True)
    assert (answer["FunctionArn"], state_of(answer)) == (OURS, ("1", "Pending", "Creating", None))
    assert plain(shown(plane, "1")) == plain(answer)
    assert state_of(shown(plane)) == ("$LATEST", "Pending", "Creating", None)
    plane.finish()
    assert state_of(shown(plane, "1")) == ("1", "Active", None, "Successful")
    assert state_of(shown(plane)) == ("$LATEST", "Active", None, "Successful")
    assert shown(plane, "1")["RevisionId"] == answer["RevisionId"]


def test_an_updated_version_is_there_at_once_and_takes_an_alias(plane: ControlPlane) -> None:
    create(plane)
    plane.finish()
    before = plane.call("GetFunctionConfiguration", FunctionName="f")
    answer = plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1], Publish=True)
    assert (answer["FunctionArn"], state_of(answer)) == (f"{OURS}:1", ("1", "Pending", "Creating", None))
    assert shown(plane, "1") == answer
    plane.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    assert shown(plane, "live") == answer | {"FunctionArn": f"{OURS}:live"}
    latest = shown(plane)
    assert state_of(latest) == ("$LATEST", "Active", None, "InProgress")
    assert (latest["CodeSha256"], latest["CodeSize"]) == (DIGESTS[1], len(CODES[1]))
    assert before["CodeSha256"] == DIGESTS[0]
    route = plane.publisher.snapshot().functions[0]
    assert (route.versions["1"].state, route.versions["$LATEST"].state) == ("Pending", "Active")
    plane.finish()
    assert state_of(shown(plane, "live")) == ("1", "Active", None, "Successful")


def test_the_same_code_published_again_is_the_version_that_there_is(plane: ControlPlane) -> None:
    create(plane, Publish=True)
    plane.finish()
    version = shown(plane, "1")
    answer = plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[0], Publish=True)
    assert answer == version
    plane.finish()
    assert shown(plane, "1") == version
    assert plane.call("PublishVersion", FunctionName="f")["Version"] == "1"
    assert plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1], Publish=True)["Version"] == "2"


def test_an_update_shows_what_is_being_made_and_serves_what_was(plane: ControlPlane) -> None:
    create(plane)
    plane.finish()
    route = plane.publisher.snapshot().functions[0].versions["$LATEST"]
    first = plane.call("GetFunction", FunctionName="f")["Code"]["Location"]
    answer = plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1])
    assert shown(plane) == answer
    assert answer["CodeSha256"] == DIGESTS[1]
    second = plane.call("GetFunction", FunctionName="f")["Code"]["Location"]
    assert first.partition("?")[0] != second.partition("?")[0]
    assert plane.publisher.snapshot().functions[0].versions["$LATEST"] == route
    plane.finish()
    assert plane.publisher.snapshot().functions[0].versions["$LATEST"] != route


def test_code_that_could_not_be_prepared_leaves_what_was(plane: ControlPlane) -> None:
    create(plane)
    plane.finish()
    plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1], Publish=True)

    function = plane.repository.find("000000000000", "us-east-1", "f")
    assert function is not None and function.latest.pending_code is not None
    pending = Manifest.decode(function.latest.pending_code.zip_manifest)
    for name in pending.chunks:
        plane.chunks.delete(name)
    plane.finish()
    latest = shown(plane)
    assert (latest["State"], latest["LastUpdateStatus"], latest["CodeSha256"]) == ("Active", "Failed", DIGESTS[0])
    assert state_of(shown(plane, "1"))[:3] == ("1", "Failed", "InternalError")
    assert plane.call("UpdateFunctionCode", FunctionName="f", ZipFile=CODES[1], Publish=True)["Version"] == "2"
    plane.finish()
    assert state_of(shown(plane, "2")) == ("2", "Active", None, "Successful")


def test_every_change_of_a_function_has_a_revision_of_its_own_and_only_code_and_settings_new_environments(
    plane: ControlPlane,
) -> None:
    create(plane)
    plane.finish()
    statement = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    steps: list[tuple[str, dict[str, Any], bool]] = [
        ("PublishVersion", {"FunctionName": "f"}, True),
        ("PublishVersion", {"FunctionName": "f"}, False),  # nothing has changed
        ("TagResource", {"Resource": OURS, "Tags": {"a": "1"}}, True),
        ("UntagResource", {"Resource": OURS, "TagKeys": ["a"]}, True),
        ("UntagResource", {"Resource": OURS, "TagKeys": ["a"]}, True),
        ("CreateAlias", {"FunctionName": "f", "Name": "a", "FunctionVersion": "1"}, False),
        ("UpdateAlias", {"FunctionName": "f", "Name": "a", "Description": "d"}, False),
        ("DeleteAlias", {"FunctionName": "f", "Name": "a"}, False),
        ("PutFunctionConcurrency", {"FunctionName": "f", "ReservedConcurrentExecutions": 1}, False),
        ("DeleteFunctionConcurrency", {"FunctionName": "f"}, False),
        ("AddPermission", {"FunctionName": "f", **statement}, True),
        ("AddPermission", {"FunctionName": "f", "Qualifier": "1", **statement}, False),
        ("RemovePermission", {"FunctionName": "f", "StatementId": "s"}, True),
        ("PutFunctionRecursionConfig", {"FunctionName": "f", "RecursiveLoop": "Allow"}, False),
    ]
    route = plane.publisher.snapshot().functions[0].versions["$LATEST"]
    version = ""
    for operation, wish, is_new in steps:
        before = shown(plane)["RevisionId"]
        plane.call(operation, **wish)
        assert (shown(plane)["RevisionId"] != before) == is_new, operation
        assert plane.publisher.snapshot().functions[0].versions["$LATEST"] == route, operation
        version = version or shown(plane, "1")["RevisionId"]
        assert shown(plane, "1")["RevisionId"] == version, operation


def test_a_functions_policy_begins_with_the_functions_revision(plane: ControlPlane) -> None:
    create(plane, Publish=True)
    plane.finish()
    alias = plane.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    wish = {"FunctionName": "f", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    revisions = {"": shown(plane)["RevisionId"], "1": shown(plane, "1")["RevisionId"], "live": alias["RevisionId"]}
    for qualifier, revision in revisions.items():
        named = {"Qualifier": qualifier} if qualifier else {}
        stale = plane.code_of("AddPermission", StatementId="a", RevisionId="0" * 8, **wish, **named)
        assert stale == "PreconditionFailedException"
        plane.call("AddPermission", StatementId="a", RevisionId=revision, **wish, **named)
        assert plane.code_of("AddPermission", StatementId="b", RevisionId=revision, **wish, **named) == stale
        policy = plane.call("GetPolicy", FunctionName="f", **named)["RevisionId"]
        plane.call("AddPermission", StatementId="b", RevisionId=policy, **wish, **named)
    assert shown(plane)["RevisionId"] == plane.call("GetPolicy", FunctionName="f")["RevisionId"]


def test_a_version_that_is_not_there_is_deleted_each_time(plane: ControlPlane) -> None:
    create(plane)
    plane.finish()
    for _ in range(2):
        plane.call("DeleteFunction", FunctionName="f", Qualifier="1233")
    assert plane.code_of("DeleteFunction", FunctionName="g", Qualifier="1233") == "ResourceNotFoundException"
