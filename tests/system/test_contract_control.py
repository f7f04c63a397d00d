"""The management API's errors, operation by operation: what isn't there, and what an operation doesn't take."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Ingle, zip_of
from tests.system.test_functions_api import create, refused

OURS = "arn:aws:lambda:us-east-1:000000000000:"
NOBODY = OURS + "function:nobody"
SIGNING = OURS + "code-signing-config:csc-0123456789abcdef0"
NO_ID = "00000000-0000-0000-0000-000000000000"
STATEMENT = {"Sid": "s", "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunction", "Resource": NOBODY}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
MISSING: list[tuple[str, dict[str, Any]]] = [
    ("delete_alias", {"Name": "x"}),
    ("update_alias", {"Name": "x"}),
    ("list_aliases", {}),
    ("get_function_code_signing_config", {}),
    ("put_function_code_signing_config", {"CodeSigningConfigArn": SIGNING}),
    ("delete_function_code_signing_config", {}),
    ("put_function_concurrency", {"ReservedConcurrentExecutions": 1}),
    ("delete_function_concurrency", {}),
    ("get_provisioned_concurrency_config", {"Qualifier": "1"}),
    ("delete_provisioned_concurrency_config", {"Qualifier": "1"}),
    ("list_provisioned_concurrency_configs", {}),
    ("put_function_recursion_config", {"RecursiveLoop": "Allow"}),
    ("put_runtime_management_config", {"UpdateRuntimeOn": "Auto"}),
]
"""Operations on a function, with what they ask for beside its name."""
PUBLISHED: list[tuple[str, dict[str, Any]]] = [
    ("get_alias", {"Name": "x"}),
    ("create_alias", {"Name": "x", "FunctionVersion": "1"}),
    ("update_alias", {"Name": "x"}),
    ("delete_alias", {"Name": "x"}),
    ("list_aliases", {}),
    ("get_function_code_signing_config", {}),
    ("put_function_code_signing_config", {"CodeSigningConfigArn": SIGNING}),
    ("delete_function_code_signing_config", {}),
    ("get_function_concurrency", {}),
    ("delete_function_concurrency", {}),
]
"""Operations that are there for whole functions alone."""
QUALIFIED: list[tuple[str, dict[str, Any]]] = [
    ("get_policy", {}),
    ("add_permission", {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}),
    ("remove_permission", {"StatementId": "s"}),
    ("get_runtime_management_config", {}),
    ("get_function_event_invoke_config", {}),
    ("delete_function_event_invoke_config", {}),
    ("get_function_url_config", {}),
    ("update_function_url_config", {}),
    ("delete_function_url_config", {}),
]
"""Operations that take a qualifier beside the name."""
LISTS: list[tuple[str, dict[str, Any]]] = [
    ("list_functions", {}),
    ("list_layers", {}),
    ("list_layer_versions", {"LayerName": "l"}),
    ("list_code_signing_configs", {}),
    ("list_event_source_mappings", {}),
    ("list_aliases", {"FunctionName": "contract"}),
    ("list_versions_by_function", {"FunctionName": "contract"}),
    ("list_function_event_invoke_configs", {"FunctionName": "contract"}),
    ("list_function_url_configs", {"FunctionName": "contract"}),
    ("list_provisioned_concurrency_configs", {"FunctionName": "contract"}),
]


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Iterator[Any]:
    """A client, and a function with two versions that have provisioned concurrency."""
    client = ingle.client()
    ingle.deploy("contract", {"app.py": "handler = print\n"})
    for version in ("1", "2"):
        client.publish_version(FunctionName="contract", Description=version)
        client.update_function_code(FunctionName="contract", ZipFile=zip_of({"app.py": f"handler = {version}\n"}))
        client.get_waiter("function_updated_v2").wait(FunctionName="contract", WaiterConfig={"Delay": 0.05})
    yield client
    client.delete_function(FunctionName="contract")


def test_a_function_that_is_not_there_is_404_for_every_operation(client: Any) -> None:
    for name, wishes in MISSING:
        code, status, message = refused(getattr(client, name), FunctionName="nobody", **wishes)
        assert (code, status) == ("ResourceNotFoundException", 404), name
        assert message.startswith(f"Function not found: {NOBODY}"), name
    assert refused(client.untag_resource, Resource=NOBODY, TagKeys=["a"])[1] == 404
    assert refused(client.put_resource_policy, ResourceArn=NOBODY, Policy=POLICY)[1] == 404
    assert refused(client.update_event_source_mapping, UUID=NO_ID)[0] == "ResourceNotFoundException"


def test_what_only_whole_functions_have_takes_no_qualifier(client: Any) -> None:
    for name, wishes in PUBLISHED:
        code, status, message = refused(getattr(client, name), FunctionName="contract:1", **wishes)
        assert (code, status) == ("InvalidParameterValueException", 400), name
        assert message.startswith("This operation is permitted on Lambda functions only."), name
    for call in (client.list_tags, lambda **one: client.untag_resource(TagKeys=["a"], **one)):
        assert refused(call, Resource=OURS + "function:contract:1")[2].startswith(
            "Tags on function aliases and versions"
        )


def test_a_qualifier_in_the_name_must_be_the_one_beside_it(client: Any) -> None:
    conflict = "The derived qualifier from the function name does not match the specified qualifier."
    for name, wishes in QUALIFIED:
        told = refused(getattr(client, name), FunctionName="contract:one", Qualifier="two", **wishes)
        assert told == ("InvalidParameterValueException", 400, conflict), name


def test_a_marker_that_no_list_gave_is_refused_by_all(client: Any) -> None:
    for name, wishes in LISTS:
        told = refused(getattr(client, name), Marker="rubbish", **wishes)
        assert told == ("InvalidParameterValueException", 400, "The marker is not valid."), name


def test_a_code_signing_config_that_is_not_there_has_an_error_of_its_own(client: Any) -> None:
    for call in (
        lambda: client.put_function_code_signing_config(FunctionName="contract", CodeSigningConfigArn=SIGNING),
        lambda: create(client, "unsigned", CodeSigningConfigArn=SIGNING),
    ):
        code, status, message = refused(call)
        assert (code, status) == ("CodeSigningConfigNotFoundException", 404)
        assert SIGNING in message


def test_configs_of_provisioned_concurrency_are_listed_by_pages(client: Any) -> None:
    for version in ("1", "2"):
        client.put_provisioned_concurrency_config(
            FunctionName="contract", Qualifier=version, ProvisionedConcurrentExecutions=1
        )
    pages = client.get_paginator("list_provisioned_concurrency_configs").paginate(
        FunctionName="contract", PaginationConfig={"PageSize": 1}
    )
    found = [[one["FunctionArn"].rpartition(":")[2] for one in page["ProvisionedConcurrencyConfigs"]] for page in pages]
    assert sorted(filter(None, found)) == [["1"], ["2"]]


def test_a_zip_without_a_file_is_refused_as_code_and_as_a_layer(client: Any) -> None:
    empty = {"ZipFile": zip_of({})}
    for call in (
        lambda: create(client, "empty", Code=empty),
        lambda: client.update_function_code(FunctionName="contract", **empty),
        lambda: client.publish_layer_version(LayerName="empty", Content=empty),
    ):
        assert refused(call) == ("InvalidParameterValueException", 400, "Uploaded file must be a non-empty zip")


def test_a_layers_policy_is_changed_only_as_it_was_seen(client: Any) -> None:
    client.publish_layer_version(LayerName="seen", Content={"ZipFile": zip_of({"x": "1"})})
    layer = {"LayerName": "seen", "VersionNumber": 1, "StatementId": "s"}
    wish = {**layer, "Action": "lambda:GetLayerVersion", "Principal": "123456789012"}
    stale = ("PreconditionFailedException", 412)
    assert refused(client.add_layer_version_permission, RevisionId=NO_ID, **wish)[:2] == stale
    revision = client.add_layer_version_permission(**wish)["RevisionId"]
    assert refused(client.add_layer_version_permission, **wish)[:2] == ("ResourceConflictException", 409)
    assert refused(client.remove_layer_version_permission, RevisionId=NO_ID, **layer)[:2] == stale
    client.remove_layer_version_permission(RevisionId=revision, **layer)
    client.delete_layer_version(LayerName="seen", VersionNumber=1)
