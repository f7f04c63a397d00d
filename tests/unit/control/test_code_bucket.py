"""Code from S3: what botocore meets on the wire, and what the caller is told."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ingle.artifacts import ArchiveTooLargeError
from ingle.control.code.code_bucket import CodeBucket
from ingle.functions import InvalidSettingError
from ingle.protocol import AwsError
from ingle.values import IngleError

LIMIT = 262_144_000


class S3(ThreadingHTTPServer):
    """Answers each key in its own way, and remembers what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str | None]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: S3

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers["Authorization"]))
        key = self.path.partition("?")[0].rpartition("/")[2]
        if key == "denied":
            self._answer(403, b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>")
        elif key == "missing":
            text = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            self._answer(404, text)
        elif key == "huge":
            self._answer(200, b"x", LIMIT + 1)
        else:
            self._answer(200, b"content")

    def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with S3() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDS3")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # nobody is there


async def refused(bucket: CodeBucket, key: str) -> IngleError:
    with pytest.raises(IngleError) as caught:
        await bucket.fetch("eu-west-1", "bucket", key, None)
    return caught.value


async def test_an_object_is_fetched_with_its_version_and_signed_for_the_region(s3: S3) -> None:
    assert await CodeBucket(s3.endpoint).fetch("eu-west-1", "bucket", "folder/code.zip", "v2") == b"content"
    path, signature = s3.seen[-1]
    assert path.startswith("/bucket/folder/code.zip?")
    assert "versionId=v2" in path
    assert "AKIDS3" in (signature or "")
    assert "/eu-west-1/s3/" in (signature or "")


async def test_without_credentials_nothing_is_signed(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert await CodeBucket(s3.endpoint).fetch("eu-west-1", "bucket", "code.zip", None) == b"content"
    assert s3.seen[-1][1] is None


async def test_refusals_are_told_in_lambdas_words(s3: S3) -> None:
    bucket = CodeBucket(s3.endpoint)
    missing = await refused(bucket, "missing")
    assert isinstance(missing, InvalidSettingError)
    assert str(missing) == (
        "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
    )
    denied = await refused(bucket, "denied")
    assert isinstance(denied, AwsError)
    assert (denied.code, denied.status) == ("AccessDeniedException", 403)
    assert "GetObject for bucket/denied. S3 Error Code: AccessDenied." in denied.message
    assert isinstance(await refused(bucket, "huge"), ArchiveTooLargeError)


async def test_an_endpoint_where_nobody_is_is_a_service_error() -> None:
    failure = await refused(CodeBucket("http://127.0.0.1:1"), "code.zip")
    assert isinstance(failure, AwsError)
    assert (failure.code, failure.status) == ("ServiceException", 500)
