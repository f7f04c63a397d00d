"""The management operations of Lambda, called by boto3 as a user would."""

import base64
import contextlib
import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Ingle, zip_of

HELLO = {"app.py": "def handler(event, context):\n    return 'one'\n"}
CHANGED = {"app.py": "def handler(event, context):\n    return 'two'\n"}
ROLE = "arn:aws:iam::000000000000:role/test"
FAST = {"Delay": 0.05, "MaxAttempts": 200}


def refused(call: Any, **arguments: Any) -> tuple[str, int, str]:
    """Return code, status and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Message"]


def create(functions: Any, name: str, **settings: Any) -> dict[str, Any]:
    wishes: dict[str, Any] = {
        "FunctionName": name,
        "Runtime": "python3.11",
        "Handler": "app.handler",
        "Role": ROLE,
        "Code": {"ZipFile": zip_of(HELLO)},
    }
    return dict(functions.create_function(**{**wishes, **settings}))


@pytest.fixture
def name(functions: Any, request: pytest.FixtureRequest) -> Any:
    """A name that no function has, freed afterwards."""
    chosen = request.node.originalname[:60]
    yield chosen
    with contextlib.suppress(functions.exceptions.ResourceNotFoundException):
        functions.delete_function(FunctionName=chosen)


@pytest.fixture
def function(functions: Any, name: str) -> str:
    """An active function."""
    create(functions, name)
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    return name


def test_a_function_is_pending_then_active_and_shown_as_lambda_shows_it(functions: Any, name: str) -> None:
    made = create(functions, name, Description="d", Timeout=7, MemorySize=256, Tags={"team": "x"})
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    content = zip_of(HELLO)
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    shown = functions.get_function(FunctionName=name)
    configuration = shown["Configuration"]
    assert shown["Tags"] == {"team": "x"}
    assert configuration["FunctionArn"] == f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    assert configuration["CodeSize"] == made["CodeSize"]
    assert len(base64.b64decode(made["CodeSha256"])) == 32
    expected = {
        "Description": "d", "Timeout": 7, "MemorySize": 256, "Handler": "app.handler", "Runtime": "python3.11",
        "Role": ROLE, "Version": "$LATEST", "State": "Active", "LastUpdateStatus": "Successful",
        "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
    }  # fmt: skip
    assert {key: configuration[key] for key in expected} == expected
    assert len(content) > 0


def test_code_sha256_is_that_of_the_zip(functions: Any, name: str) -> None:
    content = zip_of(HELLO)
    made = create(functions, name, Code={"ZipFile": content})
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert made["CodeSize"] == len(content)


def test_a_name_can_be_taken_once(functions: Any, function: str) -> None:
    assert refused(create, functions=functions, name=function) == (
        "ResourceConflictException", 409, f"Function already exist: {function}",
    )  # fmt: skip


def test_an_update_of_code_changes_what_is_served_and_the_revision(functions: Any, function: str) -> None:
    before = functions.get_function_configuration(FunctionName=function)
    assert functions.invoke(FunctionName=function)["Payload"].read() == b'"one"'
    functions.update_function_code(FunctionName=function, ZipFile=zip_of(CHANGED))
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=FAST)
    after = functions.get_function_configuration(FunctionName=function)
    assert functions.invoke(FunctionName=function)["Payload"].read() == b'"two"'
    assert after["RevisionId"] != before["RevisionId"]
    assert after["CodeSha256"] != before["CodeSha256"]


def test_a_dry_run_of_an_update_changes_nothing(functions: Any, function: str) -> None:
    before = functions.get_function_configuration(FunctionName=function)
    shown = functions.update_function_code(FunctionName=function, ZipFile=zip_of(CHANGED), DryRun=True)
    assert shown["CodeSha256"] != before["CodeSha256"]
    assert functions.get_function_configuration(FunctionName=function)["RevisionId"] == before["RevisionId"]


def test_an_update_of_settings_reaches_the_next_environment(functions: Any, name: str) -> None:
    source = {"app.py": "import os\ndef handler(e, c):\n    return [os.environ.get('AA'), c.memory_limit_in_mb]\n"}
    create(functions, name, Code={"ZipFile": zip_of(source)}, Environment={"Variables": {"AA": "1"}})
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.invoke(FunctionName=name)["Payload"].read() == b'["1", "128"]'
    functions.update_function_configuration(
        FunctionName=name, MemorySize=192, Environment={"Variables": {"AA": "2"}}, Timeout=9
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.invoke(FunctionName=name)["Payload"].read() == b'["2", "192"]'
    assert functions.get_function_configuration(FunctionName=name)["Environment"] == {"Variables": {"AA": "2"}}


def test_a_stale_revision_is_refused_with_412(functions: Any, function: str) -> None:
    for call in (functions.update_function_configuration, functions.publish_version):
        assert refused(call, FunctionName=function, RevisionId="stale")[:2] == ("PreconditionFailedException", 412)


def test_versions_are_numbered_immutable_and_never_made_twice_for_the_same(functions: Any, function: str) -> None:
    one = functions.publish_version(FunctionName=function, Description="first")
    assert (one["Version"], one["Description"]) == ("1", "first")
    assert one["FunctionArn"].endswith(f":{function}:1")
    assert functions.publish_version(FunctionName=function, Description="first")["Version"] == "1"
    functions.update_function_code(FunctionName=function, ZipFile=zip_of(CHANGED))
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=FAST)
    assert functions.publish_version(FunctionName=function)["Version"] == "2"
    answers = {
        qualifier: functions.invoke(FunctionName=function, Qualifier=qualifier)["Payload"].read()
        for qualifier in ("1", "2", "$LATEST")
    }
    assert answers == {"1": b'"one"', "2": b'"two"', "$LATEST": b'"two"'}
    listed = functions.list_versions_by_function(FunctionName=function)["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1", "2"]
    functions.delete_function(FunctionName=function, Qualifier="2")
    functions.update_function_configuration(FunctionName=function, Timeout=5)
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=FAST)
    assert functions.publish_version(FunctionName=function)["Version"] == "3"


def test_publish_at_once_names_the_version_and_makes_it(functions: Any, name: str) -> None:
    assert create(functions, name, Publish=True)["Version"] == "1"
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.update_function_code(FunctionName=name, ZipFile=zip_of(CHANGED), Publish=True)["Version"] == "2"
    functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)
    assert functions.invoke(FunctionName=name, Qualifier="1")["Payload"].read() == b'"one"'
    assert functions.invoke(FunctionName=name, Qualifier="2")["Payload"].read() == b'"two"'


def test_setting_the_same_variables_again_makes_no_new_version(functions: Any, name: str) -> None:
    create(functions, name, Environment={"Variables": {"AA": "1"}})
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=FAST)
    versions = []
    for value in ("1", "1", "2"):
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": {"AA": value}})
        functions.get_waiter("function_updated_v2").wait(FunctionName=name, WaiterConfig=FAST)
        versions.append(functions.publish_version(FunctionName=name)["Version"])
    assert versions == ["1", "1", "2"]


def test_a_page_goes_on_behind_a_version_that_was_deleted_meanwhile(functions: Any, function: str) -> None:
    for timeout in range(4, 8):
        functions.publish_version(FunctionName=function)
        functions.update_function_configuration(FunctionName=function, Timeout=timeout)
        functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=FAST)
    first = functions.list_versions_by_function(FunctionName=function, MaxItems=3)
    assert [one["Version"] for one in first["Versions"]] == ["$LATEST", "1", "2"]
    functions.delete_function(FunctionName=function, Qualifier="2")
    second = functions.list_versions_by_function(FunctionName=function, Marker=first["NextMarker"])
    assert [one["Version"] for one in second["Versions"]] == ["3", "4"]


def test_a_version_is_invoked_by_arn_and_names_itself(functions: Any, function: str) -> None:
    arn = functions.publish_version(FunctionName=function)["FunctionArn"]
    for spelled in (arn, f"{function}:1", f"000000000000:function:{function}:1"):
        answer = functions.invoke(FunctionName=spelled)
        assert (answer["ExecutedVersion"], answer["Payload"].read()) == ("1", b'"one"')


def test_publishing_with_another_code_sha256_is_refused(functions: Any, function: str) -> None:
    code, status, message = refused(functions.publish_version, FunctionName=function, CodeSha256="x" * 44)
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert "different from current CodeSHA256" in message


def test_functions_are_listed_page_by_page(functions: Any, ingle: Ingle) -> None:
    west = ingle.client_in("eu-west-3")
    names = [f"page-{number}" for number in range(7)]
    for one in names:
        create(west, one)
    pages = list(west.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Functions"]) for page in pages] == [3, 3, 1]
    assert [one["FunctionName"] for page in pages for one in page["Functions"]] == names
    assert "page-0" not in {one["FunctionName"] for one in functions.list_functions()["Functions"]}
    for one in names:
        west.get_waiter("function_active_v2").wait(FunctionName=one, WaiterConfig=FAST)
        west.delete_function(FunctionName=one)


def test_what_is_deleted_is_gone(functions: Any, function: str) -> None:
    functions.invoke(FunctionName=function)
    functions.delete_function(FunctionName=function)
    for call in (functions.get_function, functions.get_function_configuration, functions.invoke):
        code, status, message = refused(call, FunctionName=function)
        assert (code, status) == ("ResourceNotFoundException", 404)
        assert message.startswith(f"Function not found: arn:aws:lambda:us-east-1:000000000000:function:{function}")


def test_account_settings_count_what_is_there(functions: Any, function: str) -> None:
    settings = functions.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountUsage"]["FunctionCount"] >= 1
    assert settings["AccountUsage"]["TotalCodeSize"] >= len(zip_of(HELLO))


REFUSED_SETTINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "old_runtime": ({"Runtime": "python3.7"}, "InvalidParameterValueException", "no longer supported"),
    "odd_runtime": (
        {"Runtime": "PYTHON3.9"},
        "InvalidParameterValueException",
        "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs16.x, ",
    ),
    "memory": ({"MemorySize": 64}, "ValidationException", "greater than or equal to 128"),
    "much_memory": ({"MemorySize": 20_000}, "InvalidParameterValueException", "MemorySize"),
    "timeout": ({"Timeout": 0}, "ValidationException", "greater than or equal to 1"),
    "role": ({"Role": "nobody"}, "ValidationException", "regular expression"),
    "reserved": ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
    "large": ({"Environment": {"Variables": {"AA": "x" * 5000}}}, "InvalidParameterValueException", "4KB"),
    "not_a_zip": ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip"),
    "no_code": ({"Code": {}}, "InvalidParameterValueException", "source for function code"),
    "s3": ({"Code": {"S3Bucket": "abc", "S3Key": "k"}}, "InvalidParameterValueException", "--s3-endpoint"),
    "architecture": ({"Architectures": ["arm64"]}, "InvalidParameterValueException", "x86_64 only"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_SETTINGS)
def test_settings_that_break_a_rule_are_refused_in_lambdas_words(case: str, functions: Any) -> None:
    settings, code, text = REFUSED_SETTINGS[case]
    seen, status, message = refused(create, functions=functions, name="refused", **settings)
    assert (seen, status) == (code, 400)
    assert text in message
    assert refused(functions.get_function, FunctionName="refused")[0] == "ResourceNotFoundException"


def test_an_unzipped_size_over_250_mb_is_refused(functions: Any) -> None:
    content = zip_of({f"{number}.bin": b"\0" * (90 << 20) for number in range(3)}, compress=True)
    code, status, message = refused(create, functions=functions, name="bomb", Code={"ZipFile": content})
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message == "Unzipped size must be smaller than 262144000 bytes"


def test_a_dry_run_of_invoke_answers_204_and_runs_nothing(functions: Any, function: str) -> None:
    answer = functions.invoke(FunctionName=function, InvocationType="DryRun")
    assert (answer["StatusCode"], answer["Payload"].read()) == (204, b"")


def test_an_unknown_qualifier_and_another_region_are_not_found(functions: Any, function: str) -> None:
    assert refused(functions.invoke, FunctionName=function, Qualifier="9")[:2] == ("ResourceNotFoundException", 404)
    foreign = f"arn:aws:lambda:eu-west-1:000000000000:function:{function}"
    assert "not reachable in this region" in refused(functions.invoke, FunctionName=foreign)[2]
    assert refused(functions.invoke, FunctionName=f"{function}:1", Qualifier="2")[0] == "InvalidParameterValueException"
