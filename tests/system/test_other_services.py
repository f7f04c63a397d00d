"""Clients of services that Ingle does not have are told so in their own language, and STS tells callers who they are."""

import urllib.error
import urllib.request
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from harness import Ingle

CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "list_buckets", {}),
    ("s3", "put_object", {"Bucket": "bucket", "Key": "a//b/../c", "Body": b"x" * 300_000}),
    ("cloudfront", "list_distributions", {}),
    ("route53", "list_hosted_zones", {}),
    ("iam", "list_roles", {}),
    ("sqs", "list_queues", {}),
    ("sns", "list_topics", {}),
    ("ses", "list_identities", {}),
    ("sesv2", "list_email_identities", {}),
    ("rds", "describe_db_instances", {}),
    ("cloudformation", "describe_stacks", {}),
    ("autoscaling", "describe_auto_scaling_groups", {}),
    ("elbv2", "describe_load_balancers", {}),
    ("ec2", "describe_instances", {}),
    ("dynamodb", "list_tables", {}),
    ("kinesis", "list_streams", {}),
    ("firehose", "list_delivery_streams", {}),
    ("events", "list_rules", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("kms", "list_keys", {}),
    ("secretsmanager", "list_secrets", {}),
    ("ssm", "describe_parameters", {}),
    ("ecr", "describe_repositories", {}),
    ("ecs", "list_clusters", {}),
    ("cloudwatch", "list_metrics", {}),
    ("cloudtrail", "list_trails", {}),
    ("acm", "list_certificates", {}),
    ("apigateway", "get_rest_apis", {}),
    ("apigatewayv2", "get_apis", {}),
    ("eks", "list_clusters", {}),
    ("efs", "describe_file_systems", {}),
    ("scheduler", "list_schedules", {}),
    ("pipes", "list_pipes", {}),
    ("xray", "get_groups", {}),
    ("signer", "list_signing_jobs", {}),
    ("cognito-idp", "list_user_pools", {"MaxResults": 1}),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "me"}),
]


def client_of(ingle: Ingle, service: str, held: dict[str, str] | None = None) -> Any:
    known = held or {
        "AWS_ACCESS_KEY_ID": ingle.credentials["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ingle.credentials["secret_access_key"],
    }
    return boto3.client(
        service,
        endpoint_url=f"http://127.0.0.1:{ingle.port}",
        region_name="us-east-1",
        aws_access_key_id=known["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=known["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=known.get("AWS_SESSION_TOKEN"),
        config=Config(retries={"max_attempts": 0}, inject_host_prefix=False),
    )


@pytest.mark.parametrize(("service", "operation", "arguments"), CALLS, ids=[f"{one[0]}-{one[1]}" for one in CALLS])
def test_a_client_of_another_service_is_told_in_its_own_language(
    service: str, operation: str, arguments: dict[str, Any], ingle: Ingle
) -> None:
    client = client_of(ingle, service)
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**arguments)
    told = caught.value.response
    assert told["Error"]["Code"] == "NotImplemented"
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "GetCallerIdentity" in told["Error"]["Message"]
    if service != "sts":
        name = client.meta.service_model.metadata["serviceFullName"]
        alike = {"sesv2", "elbv2", "apigatewayv2"}  # which share a signing name, or change it
        assert f"does not have {name} (" in told["Error"]["Message"] or service in alike


def test_a_stranger_is_refused_in_the_language_of_the_service(ingle: Ingle) -> None:
    strange = {"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "x"}
    for service, operation in (("s3", "list_buckets"), ("sqs", "list_queues"), ("sts", "get_caller_identity")):
        with pytest.raises(ClientError) as caught:
            getattr(client_of(ingle, service, strange), operation)()
        assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


SOURCE = """
import os
def handler(event, context):
    return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
"""


@pytest.fixture(params=["root", "role"])
def caller(request: pytest.FixtureRequest, ingle: Ingle, deploy: Any, invoke: Any) -> tuple[dict[str, str], str, str]:
    """Credentials, and whose they are by ARN and by the form of their user id."""
    if request.param == "root":
        held = ingle.credentials
        known = {"AWS_ACCESS_KEY_ID": held["access_key_id"], "AWS_SECRET_ACCESS_KEY": held["secret_access_key"]}
        return known, "arn:aws:iam::000000000000:root", "000000000000"
    name = deploy(SOURCE)
    return invoke(name).payload, f"arn:aws:sts::000000000000:assumed-role/benchmark/{name}", f":{name}"


def test_get_caller_identity_tells_who_somebody_is(ingle: Ingle, caller: Any) -> None:
    held, arn, user_id = caller
    told = client_of(ingle, "sts", held).get_caller_identity()
    assert (told["Arn"], told["Account"]) == (arn, "000000000000")
    assert told["UserId"].endswith(user_id)
    assert told["ResponseMetadata"]["RequestId"]
    assert "AROA" in told["UserId"] or user_id == "000000000000"


ACTION = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.mark.parametrize("way", ["form", "query", "presigned"])
def test_get_caller_identity_is_served_however_it_is_signed(way: str, ingle: Ingle, caller: Any) -> None:
    held, arn, _ = caller
    key = Credentials(held["AWS_ACCESS_KEY_ID"], held["AWS_SECRET_ACCESS_KEY"], held.get("AWS_SESSION_TOKEN"))
    base = f"http://127.0.0.1:{ingle.port}/"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    if way == "form":
        request = AWSRequest("POST", base, data=ACTION.encode(), headers=form)
    else:
        request = AWSRequest("GET", f"{base}?{ACTION}")
    signer = botocore.auth.SigV4QueryAuth if way == "presigned" else botocore.auth.SigV4Auth
    signer(key, "sts", "us-east-1").add_auth(request)
    made = request.prepare()
    with urllib.request.urlopen(
        urllib.request.Request(made.url, made.body or None, dict(made.headers), method=made.method)
    ) as answer:
        text = answer.read().decode()
    assert f"<Arn>{arn}</Arn>" in text


def test_a_presigned_url_of_sts_proves_who_made_it_and_no_more(ingle: Ingle) -> None:
    url = client_of(ingle, "sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    assert urllib.request.urlopen(url).status == 200
    for bent in (url.replace("GetCallerIdentity", "GetSessionToken"), url + "&Action=GetCallerIdentity"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(bent)
        assert caught.value.code == 403
        assert b"<Code>InvalidSignatureException</Code>" in caught.value.read()
