"""Invoke, InvokeWithResponseStream and InvokeAsync, with boto3: what each answers, and each error that its model declares."""

import base64
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from harness import Ingle, zip_of

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/test"
MIB = 1024 * 1024
SOURCE = """
def handler(event, context):
    if event == "fail":
        raise ValueError("as told")
    client = context.client_context
    return [event, context.invoked_function_arn, client and client.custom]
"""
NEVER = {
    "there are no networks of one's own": (
        "EC2AccessDenied", "EC2Throttled", "EC2Unexpected", "ENILimitReached", "ENINotReady", "InvalidSecurityGroupID",
        "InvalidSubnetID", "SubnetIPAddressLimitReached", "ResourceNotReady",
    ),
    "there are no file systems to mount": (
        "EFSIO", "EFSMountConnectivity", "EFSMountFailure", "EFSMountTimeout", "S3FilesMountConnectivity",
        "S3FilesMountFailure", "S3FilesMountTimeout",
    ),
    "no key is the customer's": ("KMSAccessDenied", "KMSDisabled", "KMSInvalidState", "KMSNotFound"),
    "a template that is lost is made again": ("SnapStartRegenerationFailure",),
    "there are no durable functions": ("DurableExecutionAlreadyStarted",),
    "there are no capacity providers": ("ModeNotSupported", "NoPublishedVersion", "ServiceQuotaExceeded"),
    "code is copied, and runtimes are the host's": (
        "CodeArtifactUserDeleted", "CodeArtifactUserFailed", "CodeArtifactUserPending", "RuntimeAliasDeleted",
        "RuntimeVersionDeleted",
    ),
    "a zip is checked when it is uploaded": ("InvalidZipFile",),
    "payloads are taken as JSON whatever they are called, as AWS does": ("UnsupportedMediaType",),
    "loops are not detected": ("RecursiveInvocation",),
    "what is too large as a payload is so as a request": ("SerializedRequestEntityTooLarge",),
}  # fmt: skip
"""Errors of the model that can't happen here, and why."""
HERE = {
    "InvalidParameterValue": "test_the_qualifier_may_be_told_once_only",
    "InvalidRequestContent": "test_a_payload_is_json_and_a_client_context_an_object_of_it",
    "InvalidRuntime": "test_events.py, test_a_runtime_that_the_host_has_no_more_is_told",
    "RequestTooLarge": "test_a_payload_has_6_mb",
    "ResourceConflict": "test_a_function_that_is_pending_is_a_conflict",
    "ResourceNotFound": "test_what_is_not_there_is_404_by_its_arn",
    "Service": "test_crashes.py",
    "SnapStart": "tests/unit/worker/test_templates.py",
    "SnapStartNotReady": "tests/system/test_snapstart.py",
    "SnapStartTimeout": "tests/unit/worker/test_templates.py",
    "TooManyRequests": "test_a_throttle_tells_its_reason",
}
"""Errors of the model that do happen, and the test."""


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Any:
    return ingle.client()


@pytest.fixture(scope="module")
def invoked(ingle: Ingle, client: Any) -> Iterator[str]:
    """A function with an alias, which no test changes."""
    ingle.deploy("invoked", {"app.py": SOURCE}, Publish=True)
    client.create_alias(FunctionName="invoked", Name="live", FunctionVersion="1")
    yield "invoked"
    client.delete_function(FunctionName="invoked")


@pytest.fixture(params=["invoke", "invoke_with_response_stream"])
def call(request: pytest.FixtureRequest, client: Any) -> Any:
    """Either of the two operations that answer."""
    return getattr(client, request.param)


def refused(call: Any, **arguments: Any) -> tuple[str, int, str]:
    """Return code, status and message of the error that a call ends with."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        return told["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"], told["Message"]
    finish(answer)
    raise AssertionError("it was not refused")


def finish(answer: dict[str, Any]) -> list[Any]:
    """Take what is left of an answer, so that its connection is free again."""
    return list(answer["EventStream"]) if "EventStream" in answer else [answer["Payload"].read()]


def arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{name}"


@pytest.mark.parametrize("operation", ["Invoke", "InvokeWithResponseStream", "InvokeAsync"])
def test_every_error_of_the_model_has_a_test_or_a_reason(client: Any, operation: str) -> None:
    errors = client.meta.service_model.operation_model(operation).error_shapes
    declared = {error.name.removesuffix("Exception") for error in errors}
    covered = {*HERE, *(name for names in NEVER.values() for name in names)}
    assert declared <= covered
    if operation == "Invoke":
        assert declared == covered


# what is answered


@pytest.mark.parametrize("name", ["invoked:live", f"{ACCOUNT}:function:invoked:live", arn("invoked:live")])
def test_a_function_is_named_in_each_of_the_three_ways(client: Any, invoked: str, name: str) -> None:
    answer = client.invoke(FunctionName=name, Payload=b"1")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "1")
    assert json.loads(answer["Payload"].read()) == [1, arn("invoked:live"), None]
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert {"x-amzn-requestid", "x-amzn-trace-id"} <= set(headers)


def test_an_empty_payload_is_an_empty_object(client: Any, invoked: str) -> None:
    assert json.loads(client.invoke(FunctionName=invoked)["Payload"].read())[0] == {}


def test_the_trace_id_of_the_caller_is_kept(client: Any, invoked: str) -> None:
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    client.meta.events.register_first("before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", trace), "trace")  # fmt: skip
    try:
        answer = client.invoke(FunctionName=invoked, Payload=b"1")
    finally:
        client.meta.events.unregister("before-sign.lambda.Invoke", unique_id="trace")
    assert json.loads(answer["Payload"].read())[0] == 1
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"] == trace


def test_a_function_error_is_a_200_with_the_log_in_its_answer(client: Any, invoked: str) -> None:
    answer = client.invoke(FunctionName=invoked, Payload=b'"fail"', LogType="Tail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    assert b"as told" in base64.b64decode(answer["LogResult"])
    untold = client.invoke(FunctionName=invoked, Payload=b"1", LogType="None")
    assert json.loads(untold["Payload"].read())[0] == 1
    assert "LogResult" not in untold


def test_a_client_context_reaches_the_function(client: Any, invoked: str) -> None:
    context = base64.b64encode(json.dumps({"custom": {"a": "b"}}).encode()).decode()
    answer = client.invoke(FunctionName=invoked, Payload=b"1", ClientContext=context)
    assert json.loads(answer["Payload"].read())[2] == {"a": "b"}


def test_a_dry_run_checks_everything_and_runs_nothing(client: Any, call: Any, invoked: str) -> None:
    answer = call(FunctionName=invoked, InvocationType="DryRun", Payload=b'"fail"')
    assert finish(answer) in ([], [b""])
    assert (answer["StatusCode"], answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-executed-version")) == (
        204,
        None,
    )
    for wrong, code in (
        ({"FunctionName": "nobody"}, "ResourceNotFoundException"),
        ({"Payload": b"{"}, "InvalidRequestContentException"),
        ({"LogType": "All"}, "ValidationException"),
        ({"ClientContext": "#"}, "InvalidRequestContentException"),
        ({"TenantId": "x"}, "InvalidParameterValueException"),
    ):
        assert refused(call, **{"FunctionName": invoked, "InvocationType": "DryRun", **wrong})[0] == code


# what is refused


def test_what_is_not_there_is_404_by_its_arn(client: Any, call: Any, invoked: str) -> None:
    for name, named in (("nobody", "nobody:$LATEST"), ("invoked:7", "invoked:7"), ("invoked:none", "invoked:none")):
        message = f"Function not found: {arn(named)}"
        assert refused(call, FunctionName=name) == ("ResourceNotFoundException", 404, message)
        assert refused(call, FunctionName=name, InvocationType="DryRun")[0] == "ResourceNotFoundException"
    assert refused(client.invoke, FunctionName="nobody", InvocationType="Event")[:2] == (
        "ResourceNotFoundException", 404,
    )  # fmt: skip
    assert refused(client.invoke_async, FunctionName="nobody", InvokeArgs=b"1")[0] == "ResourceNotFoundException"
    other = arn("invoked").replace("us-east-1", "eu-west-1")
    assert refused(call, FunctionName=other)[2] == (
        "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    )


def test_the_qualifier_may_be_told_once_only(call: Any, invoked: str) -> None:
    assert refused(call, FunctionName="invoked:live", Qualifier="1") == (
        "InvalidParameterValueException", 400,
        "The derived qualifier from the function name does not match the specified qualifier.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"FunctionName": "no name"}, "'functionName'"),
        ({"FunctionName": "f" * 257}, "'functionName'"),
        ({"Qualifier": "no!"}, "'qualifier'"),
        ({"LogType": "All"}, "Value 'All' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"),
        ({"InvocationType": "Later"}, "'invocationType' failed to satisfy constraint: Member must satisfy enum value set: ["),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_a_validation_error(call: Any, invoked: str, wrong: dict[str, str], named: str) -> None:
    code, status, message = refused(call, **{"FunctionName": invoked, **wrong})
    assert (code, status) == ("ValidationException", 400)
    assert named in message


def test_a_stream_can_not_be_asked_for_later(client: Any, invoked: str) -> None:
    code, _, message = refused(client.invoke_with_response_stream, FunctionName=invoked, InvocationType="Event")
    assert (code, message.endswith("[RequestResponse, DryRun]")) == ("ValidationException", True)


def test_a_payload_is_json_and_a_client_context_an_object_of_it(client: Any, call: Any, invoked: str) -> None:
    for payload in (b"{", b"\xff", b"1 2", b"'a'", b"{" * 5000):
        code, status, message = refused(call, FunctionName=invoked, Payload=payload)
        assert (code, status) == ("InvalidRequestContentException", 400)
        assert message.startswith("Could not parse request body into json: Could not parse payload into json: ")
        assert refused(client.invoke, FunctionName=invoked, Payload=payload, InvocationType="Event")[0] == code
        assert refused(client.invoke_async, FunctionName=invoked, InvokeArgs=payload)[0] == code
    large = base64.b64encode(json.dumps({"custom": {"a": "b" * 2700}}).encode()).decode()
    for context in ("e30", "#", base64.b64encode(b"[1]").decode(), large):
        assert refused(call, FunctionName=invoked, ClientContext=context)[:2] == ("InvalidRequestContentException", 400)


def test_a_payload_has_6_mb(call: Any, invoked: str) -> None:
    assert refused(call, FunctionName=invoked, Payload=b'"' + b"x" * 6 * MIB + b'"') == (
        "RequestTooLargeException", 413, "Request must be smaller than 6291456 bytes for the InvokeFunction operation",
    )  # fmt: skip


def test_a_function_that_is_pending_is_a_conflict(client: Any, call: Any) -> None:
    content = zip_of({"app.py": SOURCE, "large.bin": os.urandom(16 * MIB)})
    place = {"Runtime": "python3.11", "Handler": "app.handler", "Role": ROLE, "Code": {"ZipFile": content}}
    for _ in range(10):  # on a busy machine it may be active before we ask
        client.create_function(FunctionName="pending", **place)
        try:
            told = refused(call, FunctionName="pending", Payload=b"{}")
        except AssertionError:
            continue
        finally:
            client.delete_function(FunctionName="pending")
        assert told == (
            "ResourceConflictException", 409,
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        )  # fmt: skip
        return
    raise AssertionError("it was never seen pending")


def test_a_throttle_tells_its_reason(client: Any, call: Any, deploy: Any) -> None:
    name = deploy(SOURCE)
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        call(FunctionName=name)
    response = caught.value.response
    assert (response["Reason"], response["ResponseMetadata"]["HTTPStatusCode"]) == (
        "ReservedFunctionConcurrentInvocationLimitExceeded", 429,
    )  # fmt: skip
    assert "retry-after" not in response["ResponseMetadata"]["HTTPHeaders"]


def test_a_durable_execution_is_refused_clearly(client: Any, invoked: str) -> None:
    code, status, message = refused(client.invoke, FunctionName=invoked, DurableExecutionName="once")
    assert (code, status, "no durable functions" in message) == ("InvalidParameterValueException", 400, True)
