"""Resource policies of functions, versions, aliases and layer versions, with boto3."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from harness import zip_of
from tests.system.test_functions_api import refused

NAME = "permissions"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{NAME}"
OLD = "00000000-0000-0000-0000-000000000000"
GONE = ("ResourceNotFoundException", 404, "The resource you requested does not exist.")
NO_POLICY = ("ResourceNotFoundException", 404, "No policy is associated with the given resource.")
S3 = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


@pytest.fixture(scope="module", autouse=True)
def function(ingle: Any) -> Iterator[None]:
    """A function with a version 1 and an alias of it."""
    ingle.deploy(NAME, {"app.py": ""}, Publish=True)
    ingle.client().create_alias(FunctionName=NAME, Name="live", FunctionVersion="1")
    yield
    ingle.client().delete_function(FunctionName=NAME)


@pytest.fixture(autouse=True)
def _clean(functions: Any) -> Any:
    """Each test begins without policies."""
    yield
    for arn in (ARN, f"{ARN}:1", f"{ARN}:live"):
        try:
            functions.delete_resource_policy(ResourceArn=arn)
        except functions.exceptions.ResourceNotFoundException:
            continue


def test_a_statement_is_rendered_as_lambda_renders_it(functions: Any) -> None:
    made = functions.add_permission(
        FunctionName=NAME, SourceArn="arn:aws:s3:::bucket", SourceAccount="123456789012", **S3
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["Statement"] == (
        '{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",'
        f'"Resource":"{ARN}","Condition":{{"StringEquals":{{"AWS:SourceAccount":"123456789012"}},'
        '"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}'
    )
    got = functions.get_policy(FunctionName=NAME)
    assert got["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{made["Statement"]}]}}'
    assert len(got["RevisionId"]) == 36


def test_conditions_and_principals_of_every_kind(functions: Any) -> None:
    def add(**wishes: Any) -> dict[str, Any]:
        made = functions.add_permission(FunctionName=NAME, Qualifier="live", **{**S3, **wishes})
        return dict(json.loads(made["Statement"]))

    public = add(StatementId="url", Action="lambda:InvokeFunctionUrl", Principal="*", FunctionUrlAuthType="NONE")
    assert (public["Principal"], public["Resource"]) == ("*", f"{ARN}:live")
    assert public["Condition"] == {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}
    via = add(StatementId="via", Principal="123456789012", InvokedViaFunctionUrl=True)
    assert via["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert via["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    role = "arn:aws:iam::123456789012:role/r"
    org = add(StatementId="org", Principal=role, PrincipalOrgID="o-1234567890")
    assert org["Principal"] == {"AWS": role}
    assert org["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    alexa = add(StatementId="alexa", Principal="alexa-appkit.amazon.com", EventSourceToken="skill")
    assert alexa["Condition"] == {"StringEquals": {"lambda:EventSourceToken": "skill"}}
    held = json.loads(functions.get_policy(FunctionName=f"{NAME}:live")["Policy"])["Statement"]
    assert [one["Sid"] for one in held] == ["url", "via", "org", "alexa"]


def test_each_qualifier_has_a_policy_of_its_own(functions: Any) -> None:
    for qualifier in ({}, {"Qualifier": "1"}, {"Qualifier": "live"}):
        assert refused(functions.get_policy, FunctionName=NAME, **qualifier) == GONE
        functions.add_permission(FunctionName=NAME, **S3, **qualifier)
        seen = refused(functions.add_permission, FunctionName=NAME, **S3, **qualifier)
        assert seen[:2] == ("ResourceConflictException", 409)
        assert seen[2].startswith("The statement id (s3) provided already exists.")
    functions.remove_permission(FunctionName=NAME, StatementId="s3", Qualifier="live")
    assert refused(functions.get_policy, FunctionName=NAME, Qualifier="live") == GONE
    assert functions.get_policy(FunctionName=NAME, Qualifier="1")["Policy"].count(f"{ARN}:1") == 1
    gone = refused(functions.remove_permission, FunctionName=NAME, StatementId="s3", Qualifier="live")
    assert gone == NO_POLICY
    unknown = refused(functions.remove_permission, FunctionName=NAME, StatementId="t")
    assert unknown == ("ResourceNotFoundException", 404, "Statement t is not found in resource policy.")


def test_a_stale_revision_of_a_policy_is_refused_with_412(functions: Any) -> None:
    functions.add_permission(FunctionName=NAME, **S3)
    first = functions.get_policy(FunctionName=NAME)["RevisionId"]
    functions.add_permission(FunctionName=NAME, RevisionId=first, **{**S3, "StatementId": "t"})
    for call, wishes in (
        (functions.add_permission, {**S3, "StatementId": "u"}),
        (functions.remove_permission, {"StatementId": "t"}),
    ):
        seen = refused(call, FunctionName=NAME, RevisionId=first, **wishes)
        assert seen[:2] == ("PreconditionFailedException", 412)
        assert seen[2].endswith("Call the GetPolicy API to retrieve the latest Revision Id")
    latest = functions.get_policy(FunctionName=NAME)["RevisionId"]
    functions.remove_permission(FunctionName=NAME, StatementId="t", RevisionId=latest)


REFUSED: dict[str, tuple[dict[str, Any], str, int, str]] = {
    "latest": ({"Qualifier": "$LATEST"}, "InvalidParameterValueException", 400, "adding policies for $LATEST."),
    "principal": (
        {"Principal": "nobody"},
        "InvalidParameterValueException",
        400,
        "The provided principal was invalid.",
    ),
    "action": ({"Action": "s3:GetObject"}, "ValidationException", 400, "at 'action'"),
    "auth_type": (
        {"FunctionUrlAuthType": "NONE"},
        "InvalidParameterValueException",
        400,
        "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
    ),
    "sid": ({"StatementId": "a b"}, "ValidationException", 400, "at 'statementId'"),
    "account": ({"SourceAccount": "1"}, "ValidationException", 400, "at 'sourceAccount'"),
    "function": ({"FunctionName": "nobody"}, "ResourceNotFoundException", 404, "Function not found: "),
    "version": ({"Qualifier": "9"}, "ResourceNotFoundException", 404, f"Function not found: {ARN}:9"),
    "alias": ({"Qualifier": "none"}, "ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:none"),
    "revision": ({"RevisionId": OLD}, "PreconditionFailedException", 412, "Revision Id"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_permission_that_breaks_a_rule_is_refused(case: str, functions: Any) -> None:
    wishes, code, status, text = REFUSED[case]
    seen = refused(functions.add_permission, **{"FunctionName": NAME, **S3, **wishes})
    assert seen[:2] == (code, status)
    assert text in seen[2]
    assert refused(functions.get_policy, FunctionName=NAME) == GONE


def test_a_policy_that_grows_beyond_20_kb_is_refused(functions: Any) -> None:
    long = "arn:aws:s3:::" + "x" * 9_900
    for sid in ("a", "b"):
        functions.add_permission(FunctionName=NAME, SourceArn=long, **{**S3, "StatementId": sid})
    seen = refused(functions.add_permission, FunctionName=NAME, SourceArn=long, **{**S3, "StatementId": "c"})
    assert seen[:2] == ("PolicyLengthExceededException", 400)


def test_whole_documents_are_put_got_and_deleted(functions: Any) -> None:
    statement = {"Effect": "Deny", "Principal": "*", "Action": "lambda:*", "Resource": f"{ARN}:live"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    arn = f"{ARN}:live"
    assert refused(functions.get_resource_policy, ResourceArn=arn) == GONE
    assert refused(functions.delete_resource_policy, ResourceArn=arn) == NO_POLICY
    made = functions.put_resource_policy(ResourceArn=arn, Policy=text)
    assert json.loads(made["Policy"]) == json.loads(text)
    got = functions.get_resource_policy(ResourceArn=arn)
    assert (got["Policy"], got["RevisionId"]) == (made["Policy"], made["RevisionId"])
    assert functions.get_policy(FunctionName=arn)["Policy"] == made["Policy"]
    functions.add_permission(FunctionName=arn, **S3)
    for call, wishes in ((functions.put_resource_policy, {"Policy": text}), (functions.delete_resource_policy, {})):
        seen = refused(call, ResourceArn=arn, RevisionId=made["RevisionId"], **wishes)
        assert seen[:2] == ("PreconditionFailedException", 412)
    for wrong in ({"Policy": "{"}, {"ResourceArn": ARN}):
        seen = refused(functions.put_resource_policy, **{"ResourceArn": arn, "Policy": text, **wrong})
        assert seen[:2] == ("InvalidParameterValueException", 400)
    runtime = "arn:aws:lambda:us-east-1:000000000000:runtime/r"
    assert refused(functions.get_resource_policy, ResourceArn=runtime) == GONE


def test_a_layer_version_has_a_policy(functions: Any) -> None:
    made = functions.publish_layer_version(LayerName=NAME, Content={"ZipFile": zip_of({"x": "1"})})
    layer = {"LayerName": NAME, "VersionNumber": 1}
    assert refused(functions.get_layer_version_policy, **layer) == NO_POLICY
    wishes = {**layer, "Action": "lambda:GetLayerVersion", "StatementId": "s"}
    added = functions.add_layer_version_permission(Principal="123456789012", **wishes)
    assert added["Statement"] == (
        '{"Sid":"s","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},'
        f'"Action":"lambda:GetLayerVersion","Resource":"{made["LayerVersionArn"]}"}}'
    )
    org = {"Principal": "*", "OrganizationId": "o-1234567890"}
    functions.add_layer_version_permission(**{**wishes, "StatementId": "org", "RevisionId": added["RevisionId"]}, **org)
    got = functions.get_layer_version_policy(**layer)
    statements = json.loads(got["Policy"])["Statement"]
    assert statements[1]["Principal"] == "*"
    assert statements[1]["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}
    assert refused(functions.add_layer_version_permission, Principal="*", **wishes)[:2] == (
        "ResourceConflictException", 409,
    )  # fmt: skip
    stale = refused(functions.remove_layer_version_permission, **layer, StatementId="s", RevisionId=added["RevisionId"])
    assert stale[:2] == ("PreconditionFailedException", 412)
    assert stale[2].endswith("Call the GetLayerPolicy API to retrieve the latest Revision Id")
    for sid in ("s", "org"):
        functions.remove_layer_version_permission(**layer, StatementId=sid)
    assert refused(functions.remove_layer_version_permission, **layer, StatementId="s") == NO_POLICY


def test_what_is_wrong_with_a_layers_permission_is_said(functions: Any) -> None:
    wishes = {"LayerName": "nobody", "VersionNumber": 1, "StatementId": "s", "Action": "lambda:GetLayerVersion"}
    add = functions.add_layer_version_permission
    assert refused(add, Principal="*", **wishes) == (
        "ResourceNotFoundException", 404,
        "Layer version arn:aws:lambda:us-east-1:000000000000:layer:nobody:1 does not exist.",
    )  # fmt: skip
    assert refused(add, Principal="*", **{**wishes, "Action": "lambda:*"})[0] == "ValidationException"
    assert refused(add, Principal="s3.amazonaws.com", **wishes)[0] == "ValidationException"
    zero = refused(add, Principal="*", **{**wishes, "VersionNumber": 0})
    assert zero == ("InvalidParameterValueException", 400, "Layer Version Cannot be less than 1")
