"""A function runs under its execution role: it has the role's temporary credentials, and what these may do."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from harness import Ingle

SOURCE = """
import os
def handler(event, context):
    return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
"""


def client_of(ingle: Ingle, service: str, held: dict[str, str]) -> Any:
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{ingle.port}", region_name="us-east-1",
        aws_access_key_id=held["AWS_ACCESS_KEY_ID"], aws_secret_access_key=held["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=held["AWS_SESSION_TOKEN"], config=Config(retries={"max_attempts": 0}),
    )  # fmt: skip


def test_a_functions_credentials_are_its_roles_and_may_do_nothing_yet(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    name = deploy(SOURCE)
    held = invoke(name).payload
    assert held["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    who = f"arn:aws:sts::000000000000:assumed-role/benchmark/{name}"
    mine = client_of(ingle, "lambda", held)
    for act in (mine.list_functions, lambda: mine.invoke(FunctionName=name)):
        with pytest.raises(mine.exceptions.ClientError) as caught:
            act()
        told = caught.value.response["Error"]
        assert told["Code"] == "AccessDeniedException"
        assert told["Message"].startswith(f"User: {who} is not authorized to perform: lambda:")


def test_each_environment_has_a_key_of_its_own_of_the_same_session(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    name = deploy(SOURCE.replace("    return", "    import time\n    time.sleep(0.5)\n    return"))
    with ThreadPoolExecutor(2) as callers:
        held = list(callers.map(lambda _: invoke(name).payload, range(2)))
    assert held[0]["AWS_ACCESS_KEY_ID"] != held[1]["AWS_ACCESS_KEY_ID"]
    for one in held:
        with pytest.raises(ClientError) as caught:
            client_of(ingle, "lambda", one).list_functions()
        assert f"arn:aws:sts::000000000000:assumed-role/benchmark/{name} " in caught.value.response["Error"]["Message"]


BOTO3 = """
import os, boto3
def handler(event, context):
    client = boto3.client("lambda")
    held = boto3.Session().get_credentials().get_frozen_credentials()
    return [client.meta.region_name, held.access_key == os.environ["AWS_ACCESS_KEY_ID"]]
"""


def test_a_function_finds_boto3_and_boto3_finds_its_credentials(deploy: Any, invoke: Any) -> None:
    assert invoke(deploy(BOTO3, Timeout=30, MemorySize=512)).payload == ["us-east-1", True]


@pytest.mark.parametrize("changed", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_credentials_with_a_changed_part_are_nobodys(
    ingle: Ingle, deploy: Any, invoke: Any, functions: Any, changed: str
) -> None:
    name = deploy(SOURCE)
    held = invoke(name).payload
    held[changed] = held[changed][:-8] + "AAAAAAAA"
    bent = client_of(ingle, "lambda", held)
    for act in (bent.list_functions, lambda: bent.invoke(FunctionName=name)):
        with pytest.raises(bent.exceptions.ClientError) as caught:
            act()
        code = caught.value.response["Error"]["Code"]
        assert code == ("InvalidSignatureException" if "SECRET" in changed else "UnrecognizedClientException")
