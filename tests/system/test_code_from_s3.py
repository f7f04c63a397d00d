"""Functions and layers whose zips lie in S3: a server of its protocol stands beside an Ingle that was told of it."""

import base64
import contextlib
import hashlib
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from harness import Ingle, free_port, running_ingle, zip_of

ROLE = "arn:aws:iam::000000000000:role/x"
BUCKET = "code-of-functions"


def code(answer: str) -> bytes:
    return zip_of({"app.py": f"def handler(event, context):\n    return '{answer}'\n"})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """The URL of a server that speaks S3's protocol."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/"):
            break
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture(scope="module")
def own(endpoint: str) -> Iterator[Ingle]:
    """An Ingle that fetches code from there, with credentials of its environment."""
    credentials = ("env", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x")
    with running_ingle("--s3-endpoint", endpoint, prefix=credentials) as running:
        yield running


def create(client: Any, name: str, **place: str) -> Any:
    return client.create_function(FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=ROLE, Code=place)


def answer(client: Any, name: str) -> bytes:
    for waiter in ("function_active_v2", "function_updated_v2"):
        client.get_waiter(waiter).wait(FunctionName=name, WaiterConfig={"Delay": 0.05})
    return bytes(client.invoke(FunctionName=name)["Payload"].read())


def test_a_function_is_created_and_updated_from_s3_by_version_too(own: Ingle, s3: Any) -> None:
    client = own.client()
    first = s3.put_object(Bucket=BUCKET, Key="a/code.zip", Body=code("first"))["VersionId"]
    s3.put_object(Bucket=BUCKET, Key="a/code.zip", Body=code("second"))
    made = create(client, "from-s3", S3Bucket=BUCKET, S3Key="a/code.zip", S3ObjectVersion=first)
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(code("first")).digest()).decode()
    assert answer(client, "from-s3") == b'"first"'
    client.update_function_code(FunctionName="from-s3", S3Bucket=BUCKET, S3Key="a/code.zip")
    assert answer(client, "from-s3") == b'"second"'


def test_a_layer_is_published_from_s3(own: Ingle, s3: Any) -> None:
    content = zip_of({"python/x.py": "x = 1\n"})
    s3.put_object(Bucket=BUCKET, Key="layer.zip", Body=content)
    made = own.client().publish_layer_version(LayerName="l", Content={"S3Bucket": BUCKET, "S3Key": "layer.zip"})
    with urllib.request.urlopen(made["Content"]["Location"]) as downloaded:
        assert downloaded.read() == content


def test_what_is_not_there_or_no_zip_is_refused_in_lambdas_words(own: Ingle, s3: Any) -> None:
    client = own.client()
    s3.put_object(Bucket=BUCKET, Key="text", Body=b"no zip")
    refusals = {
        "missing": "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message:",
        "text": "Could not unzip uploaded file. Please check your file, then try to upload again.",
    }
    for key, message in refusals.items():
        with pytest.raises(ClientError, match=message) as caught:
            create(client, "refused", S3Bucket=BUCKET, S3Key=key)
        assert caught.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with pytest.raises(ClientError, match="S3 Error Code: NoSuchBucket"):
        create(client, "refused", S3Bucket="another-bucket", S3Key="x")
    with pytest.raises(ClientError, match="one source"):
        create(client, "refused", S3Bucket=BUCKET, S3Key="x", ZipFile=code("x"))  # type: ignore[arg-type]
