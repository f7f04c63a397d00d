"""The operations on functions and versions, with boto3: what each answers, and each error that its model declares."""

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Ingle, zip_of

from ingle.protocol import load_service

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:contract"
CODE = zip_of({"app.py": "def handler(event, context):\n    return context.invoked_function_arn\n"})
FAST = {"Delay": 0.05, "MaxAttempts": 200}
INVALID, MISSING = ("InvalidParameterValueException", 400), ("ResourceNotFoundException", 404)
SHAPE, STALE = ("ValidationException", 400), ("PreconditionFailedException", 412)


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Any:
    return ingle.client()


@pytest.fixture(scope="module")
def contract(ingle: Ingle, client: Any) -> Iterator[str]:
    """A function with two versions and an alias of the first, which no test changes for good."""
    client.create_function(FunctionName="contract", Runtime="python3.11", Handler="app.handler", Role=ROLE, Code={"ZipFile": CODE}, Publish=True, Tags={"a": "b"})  # fmt: skip
    client.get_waiter("function_active_v2").wait(FunctionName="contract", WaiterConfig=FAST)
    update(client, Timeout=5)
    client.publish_version(FunctionName="contract", Description="second")
    client.create_alias(FunctionName="contract", Name="live", FunctionVersion="1")
    yield "contract"
    client.delete_function(FunctionName="contract")


def update(client: Any, **settings: Any) -> dict[str, Any]:
    client.update_function_configuration(FunctionName="contract", **settings)
    client.get_waiter("function_updated_v2").wait(FunctionName="contract", WaiterConfig=FAST)
    return dict(client.get_function_configuration(FunctionName="contract"))


def refused(call: Any, **arguments: Any) -> tuple[tuple[str, int], str]:
    """Return code and status, and the message, of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    told = response["Error"]
    return (told["Code"], response["ResponseMetadata"]["HTTPStatusCode"]), told["Message"]


def create(client: Any, **settings: Any) -> dict[str, Any]:
    wishes = {"FunctionName": "never", "Runtime": "python3.11", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": CODE}}  # fmt: skip
    return dict(client.create_function(**{**wishes, **settings}))


# reading


def test_a_configuration_has_the_members_that_lambda_shows_and_no_others(client: Any, contract: str) -> None:
    shown = client.get_function(FunctionName=contract)
    assert shown.keys() == {"ResponseMetadata", "Configuration", "Code", "Tags"}
    assert shown["Configuration"].keys() == {
        "FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "CodeSize", "Description", "Timeout", "MemorySize",
        "LastModified", "CodeSha256", "Version", "TracingConfig", "RevisionId", "State", "LastUpdateStatus", "PackageType",
        "Architectures", "EphemeralStorage", "SnapStart", "LoggingConfig", "RuntimeVersionConfig",
    }  # fmt: skip
    assert shown["Configuration"]["CodeSha256"] == base64.b64encode(hashlib.sha256(CODE).digest()).decode()


@pytest.mark.parametrize(
    ("named", "version", "arn"),
    [
        ({"FunctionName": "contract"}, "$LATEST", ARN),
        ({"FunctionName": ARN}, "$LATEST", ARN),
        ({"FunctionName": f"{ACCOUNT}:function:contract"}, "$LATEST", ARN),
        ({"FunctionName": "function:contract"}, "$LATEST", ARN),
        ({"FunctionName": "contract", "Qualifier": "$LATEST"}, "$LATEST", f"{ARN}:$LATEST"),
        ({"FunctionName": "contract:2"}, "2", f"{ARN}:2"),
        ({"FunctionName": f"{ARN}:2", "Qualifier": "2"}, "2", f"{ARN}:2"),
        ({"FunctionName": "contract", "Qualifier": "live"}, "1", f"{ARN}:live"),
        ({"FunctionName": f"{ACCOUNT}:function:contract:live"}, "1", f"{ARN}:live"),
    ],
)
def test_a_function_is_found_by_name_and_arn_and_qualifier(
    named: dict[str, str], version: str, arn: str, client: Any, contract: str
) -> None:
    shown = client.get_function_configuration(**named)
    assert (shown["Version"], shown["FunctionArn"]) == (version, arn)
    assert client.get_function(**named)["Configuration"]["FunctionArn"] == arn
    answer = client.invoke(**named)
    assert (answer["ExecutedVersion"], answer["Payload"].read().decode()) == (version, f'"{arn}"')


@pytest.mark.parametrize(
    ("named", "error", "text"),
    [
        ({"FunctionName": "nobody"}, MISSING, f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"),
        ({"FunctionName": "x" * 65}, MISSING, "Function not found"),
        ({"FunctionName": "a.b"}, MISSING, "Function not found"),
        ({"FunctionName": "x" * 257}, SHAPE, "less than or equal to 256"),
        ({"FunctionName": "a b"}, SHAPE, "regular expression pattern"),
        ({"FunctionName": "contract", "Qualifier": "9"}, MISSING, f"Function not found: {ARN}:9"),
        ({"FunctionName": "contract", "Qualifier": "dead"}, MISSING, f"Function not found: {ARN}:dead"),
        ({"FunctionName": "contract", "Qualifier": ""}, SHAPE, "greater than or equal to 1"),
        ({"FunctionName": "contract", "Qualifier": "x" * 129}, SHAPE, "less than or equal to 128"),
        ({"FunctionName": "contract", "Qualifier": "a b"}, SHAPE, "regular expression pattern"),
        ({"FunctionName": "contract:1", "Qualifier": "2"}, INVALID, "The derived qualifier from the function name does not match the specified qualifier."),
        ({"FunctionName": ARN.replace("us-east-1", "eu-west-1")}, MISSING, "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"),
        ({"FunctionName": ARN.replace(ACCOUNT, "1" * 12)}, ("AccessDeniedException", 403), "is not authorized to perform: lambda:"),
    ],
)  # fmt: skip
def test_both_planes_refuse_alike_what_names_no_function(
    named: dict[str, str], error: tuple[str, int], text: str, client: Any, contract: str
) -> None:
    for call in (client.get_function, client.get_function_configuration, client.invoke):
        seen, message = refused(call, **named)
        assert seen == error, message
        assert text in message


def test_lists_tell_nothing_of_states(client: Any, contract: str) -> None:
    whole = client.get_function_configuration(FunctionName=contract)
    listed = [
        next(one for one in client.list_functions()["Functions"] if one["FunctionName"] == contract),
        client.list_versions_by_function(FunctionName=contract)["Versions"][0],
    ]
    for one in listed:
        assert whole.keys() - one.keys() == {"State", "LastUpdateStatus", "RuntimeVersionConfig", "ResponseMetadata"}


def test_functions_with_all_versions_are_listed_by_pages_of_items(client: Any, contract: str) -> None:
    listed: list[tuple[str, str]] = []
    for page in client.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 2}
    ):
        assert len(page["Functions"]) <= 2
        listed += [(one["FunctionName"], one["FunctionArn"]) for one in page["Functions"]]
    assert len(listed) == len(set(listed))
    assert [arn for name, arn in listed if name == contract] == [f"{ARN}:$LATEST", f"{ARN}:1", f"{ARN}:2"]
    only_latest = [one for one in client.list_functions()["Functions"] if one["FunctionName"] == contract]
    assert [one["FunctionArn"] for one in only_latest] == [ARN]


def test_no_function_is_a_copy_from_another_region(client: Any, contract: str) -> None:
    assert client.list_functions(MasterRegion="eu-west-1", FunctionVersion="ALL")["Functions"] == []
    assert refused(client.list_functions, MasterRegion="ALL")[0] == INVALID
    assert client.list_functions(MasterRegion="ALL", FunctionVersion="ALL")["Functions"] != []


# creating


@pytest.mark.parametrize(
    ("wish", "error", "text"),
    [
        ({"FunctionName": "x" * 65}, INVALID, "at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"),
        ({"FunctionName": "x" * 141}, SHAPE, "less than or equal to 140"),
        ({"FunctionName": "never:1"}, INVALID, "without a qualifier"),
        ({"Handler": None}, INVALID, "Handler is mandatory for functions created with deployment packages as zip."),
        ({"Runtime": None}, INVALID, "Runtime is mandatory for functions created with deployment packages as zip."),
        ({"MemorySize": 10_241}, INVALID, "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240"),
        ({"Timeout": 901}, INVALID, "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"),
        ({"EphemeralStorage": {"Size": 10_241}}, INVALID, "Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than or equal to 10240"),
        ({"EphemeralStorage": {"Size": 511}}, SHAPE, "greater than or equal to 512"),
        ({"Description": "x" * 257}, SHAPE, "less than or equal to 256"),
        ({"Architectures": ["x86_64", "arm64"]}, SHAPE, "less than or equal to 1"),
        ({"Tags": {"aws:a": "b"}}, INVALID, "aws: prefixed"),
        ({"PackageType": "Image"}, INVALID, "PackageType Zip"),
        ({"Code": {"ImageUri": "repository/image"}}, INVALID, "not as an image"),
        ({"Code": {"ZipFile": CODE, "SourceKMSKeyArn": "arn:aws:kms:us-east-1:1:key/k"}}, INVALID, "SourceKMSKeyArn"),
    ],
)  # fmt: skip
def test_a_wish_that_breaks_a_rule_creates_nothing(
    wish: dict[str, Any], error: tuple[str, int], text: str, client: Any
) -> None:
    seen, message = refused(create, client=client, **wish)
    assert seen == error, message
    assert text in message
    assert refused(client.get_function, FunctionName="never")[0] == MISSING


SUBNET = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
FILES = {
    "Arn": f"arn:aws:elasticfilesystem:us-east-1:{ACCOUNT}:access-point/fsap-{'0' * 17}",
    "LocalMountPath": "/mnt/a",
}
PROVIDER = {"CapacityProviderArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:capacity-provider:c"}
NOT_HERE: dict[str, Any] = {
    "VpcConfig": SUBNET,
    "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"},
    "KMSKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k",
    "FileSystemConfigs": [FILES],
    "ImageConfig": {"Command": ["x"]},
    "DurableConfig": {"ExecutionTimeout": 9},
    "CapacityProviderConfig": {"LambdaManagedInstancesCapacityProviderConfig": PROVIDER},
    "RuntimeConfig": {"RuntimeArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:runtime/mine", "RuntimeAlias": "a"},
    "AcceleratorConfig": {"AcceleratorMemorySize": 8},
}


@pytest.mark.parametrize("member", NOT_HERE)
def test_what_ingle_cannot_keep_is_refused_with_what_to_do(member: str, client: Any, contract: str) -> None:
    calls = (lambda **wish: create(client, **wish), lambda **wish: update(client, **wish))
    for call in calls:
        seen, message = refused(call, **{member: NOT_HERE[member]})
        assert seen == INVALID, message
        assert f"leave {member} out" in message


def test_the_page_of_settings_tells_what_is_refused() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "settings.md").read_text()
    members = re.findall(r"^\| `(\w+)` \| (\w+)", page, re.M)
    assert {member for member, state in members if state == "refused"} == NOT_HERE.keys()
    model = load_service("lambda")
    shapes = (model.shapes[model.operations[name].input or ""] for name in ("CreateFunction", "UpdateFunctionCode"))
    assert {member for member, _ in members} == {member for shape in shapes for member in shape["members"]} | {
        "SourceKMSKeyArn"
    }


def test_empty_values_by_which_clients_say_that_they_want_none_are_taken(client: Any, contract: str) -> None:
    before = update(client)
    after = update(
        client,
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False},
        DeadLetterConfig={"TargetArn": ""}, KMSKeyArn="", FileSystemConfigs=[], ImageConfig={}, Layers=[],
        SnapStart={"ApplyOn": "None"}, TracingConfig={}, LoggingConfig={}, Environment={"Variables": {}},
    )  # fmt: skip
    changing = ("RevisionId", "LastModified", "ResponseMetadata")
    shown = {
        "Environment": {"Variables": {}},
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "VpcId": "", "Ipv6AllowedForDualStack": False},
    }
    assert {key: value for key, value in after.items() if key not in changing} == {
        key: value for key, value in before.items() if key not in changing
    } | shown
    assert after["RevisionId"] != before["RevisionId"]


# changing


@pytest.mark.parametrize(
    "operation", ["update_function_code", "update_function_configuration", "publish_version", "update_alias"]
)
def test_a_revision_that_is_not_the_latest_is_refused_with_412(operation: str, client: Any, contract: str) -> None:
    members: dict[str, dict[str, Any]] = {
        "update_function_code": {"ZipFile": CODE}, "update_alias": {"Name": "live"},
    }  # fmt: skip
    wish = {"FunctionName": contract, "RevisionId": "0" * 8, **members.get(operation, {})}
    seen, message = refused(getattr(client, operation), **wish)
    assert seen == STALE
    assert message == (
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the"
        " latest Revision Id"
    )


@pytest.mark.parametrize(
    ("operation", "wish", "text"),
    [
        ("update_function_code", {"ZipFile": b"no zip"}, "Could not unzip"),
        ("update_function_code", {"ZipFile": b"no zip", "DryRun": True}, "Could not unzip"),
        ("update_function_code", {}, "provide a source"),
        ("update_function_code", {"ImageUri": "a"}, "Please don't provide ImageUri when updating a function with packageType Zip."),
        ("update_function_code", {"ZipFile": CODE, "Architectures": ["arm64"]}, "x86_64 only"),
        ("update_function_code", {"ZipFile": CODE, "PublishTo": "LATEST_PUBLISHED"}, "PublishTo"),
        ("update_function_configuration", {"Timeout": 901}, "less than or equal to 900"),
        ("update_function_configuration", {"Layers": [f"arn:aws:lambda:us-east-1:{ACCOUNT}:layer:none:1"]}, "does not exist"),
        ("update_function_configuration", {"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "WARN"}}, "LogFormat is JSON"),
        ("publish_version", {"CodeSha256": "other"}, "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST"),
        ("publish_version", {"PublishTo": "LATEST_PUBLISHED"}, "PublishTo"),
    ],
)  # fmt: skip
def test_a_change_that_breaks_a_rule_changes_nothing(
    operation: str, wish: dict[str, Any], text: str, client: Any, contract: str
) -> None:
    before = client.get_function_configuration(FunctionName=contract)["RevisionId"]
    seen, message = refused(getattr(client, operation), FunctionName=contract, **wish)
    assert seen == INVALID, message
    assert text in message
    assert client.get_function_configuration(FunctionName=contract)["RevisionId"] == before


def test_every_operation_knows_a_function_that_is_not_there(client: Any) -> None:
    for call, further in (
        (client.delete_function, {}),
        (client.get_function, {}),
        (client.get_function_configuration, {}),
        (client.list_versions_by_function, {}),
        (client.publish_version, {}),
        (client.update_function_code, {"ZipFile": CODE}),
        (client.update_function_configuration, {}),
    ):
        seen, message = refused(call, FunctionName="nobody", **further)
        assert seen == MISSING
        assert message == f"Function not found: arn:aws:lambda:us-east-1:{ACCOUNT}:function:nobody"


@pytest.mark.parametrize(
    ("qualifier", "error", "text"),
    [
        ("$LATEST", INVALID, "$LATEST version cannot be deleted without deleting the function."),
        ("live", INVALID, "Deletion of aliases is not currently supported."),
        ("1", ("ResourceConflictException", 409), "Unable to delete version because the following aliases reference it: [live]"),
        ("", SHAPE, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_deleted_stays(
    qualifier: str, error: tuple[str, int], text: str, client: Any, contract: str
) -> None:
    seen, message = refused(client.delete_function, FunctionName=contract, Qualifier=qualifier)
    assert seen == error
    assert text in message
    assert len(client.list_versions_by_function(FunctionName=contract)["Versions"]) == 3
