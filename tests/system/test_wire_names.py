"""What clients read that no standard promises: the letters of names, what null means, offers that are not taken up."""

import json
import socket
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import Ingle
from tests.system.test_extensions import log_of

FAILS = "def handler(event, context):\n    raise ValueError('no')\n"
OFFER = (
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"  # as curl's
)
REGISTERS = """
import http.client, json, os
link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
link.request(
    "POST", "/2020-01-01/extension/register", json.dumps({"events": None, "configurationKeys": None}),
    {"Lambda-Extension-Name": "nil"},
)
answer = link.getresponse()
told = [answer.status, sorted(name for name in answer.headers if name.title().startswith(("Lambda", "Content")))]
answer.read()
me = {"Lambda-Extension-Identifier": answer.headers["Lambda-Extension-Identifier"]}
link.request("GET", "/2020-01-01/extension/event/next", headers=me)
def handler(event, context):
    return told
"""


def ask(
    ingle: Ingle, method: str, path: str, body: bytes = b"", more: bytes = b"", signed: dict[str, str] | None = None
) -> bytes:
    """Send a signed request with more headers, which are not signed; return the head of the answer as it comes."""
    held, host = ingle.credentials, f"127.0.0.1:{ingle.port}"
    request = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Host": host, **(signed or {})})
    SigV4Auth(Credentials(held["access_key_id"], held["secret_access_key"]), "lambda", "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items()).encode()
    with socket.create_connection(("127.0.0.1", ingle.port)) as link:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        link.sendall(f"{method} {path} HTTP/1.1\r\n".encode() + lines + length + more + b"\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += link.recv(65536)
    return answer.partition(b"\r\n\r\n")[0]


def names(head: bytes) -> set[str]:
    return {line.partition(b":")[0].decode() for line in head.split(b"\r\n")[1:]}


def test_public_answers_name_their_headers_as_aws_does(ingle: Ingle, deploy: Any) -> None:
    name = deploy(FAILS)
    told = ask(ingle, "POST", f"/2015-03-31/functions/{name}/invocations", b"{}", signed={"X-Amz-Log-Type": "Tail"})
    assert names(told) == {
        "x-amzn-RequestId", "X-Amz-Executed-Version", "X-Amzn-Trace-Id", "Content-Type", "X-Amz-Function-Error",
        "X-Amz-Log-Result", "Content-Length",
    }  # fmt: skip
    refused = ask(ingle, "GET", "/2015-03-31/functions/nobody")
    assert {"x-amzn-RequestId", "x-amzn-ErrorType", "Content-Type", "Content-Length"} <= names(refused)


def test_an_offer_of_http2_is_answered_in_http1(ingle: Ingle, deploy: Any) -> None:
    name = deploy("def handler(event, context):\n    return event\n")
    assert ask(ingle, "POST", f"/2015-03-31/functions/{name}/invocations", b'{"a":1}', OFFER).startswith(
        b"HTTP/1.1 200 "
    )
    assert ask(ingle, "GET", f"/2015-03-31/functions/{name}", b"", OFFER).startswith(b"HTTP/1.1 200 ")


def test_null_is_as_good_as_absent_to_register(deploy: Any, invoke: Any) -> None:
    status, told = invoke(deploy(REGISTERS)).payload
    assert (status, told) == (200, ["Content-Length", "Content-Type", "Lambda-Extension-Identifier"])


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"other": "", "bin": ""}, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": "no program"}, "fork/exec /var/task/bootstrap: exec format error"),
        ({"bootstrap/": b""}, "fork/exec /var/task/bootstrap: permission denied"),
    ],
)
def test_what_cannot_be_started_is_named_in_answer_and_log(
    deploy: Any, functions: Any, logs: Any, files: dict[str, str | bytes], reason: str
) -> None:
    name = deploy("", files=files, runtime="provided.al2023")
    answer = functions.invoke(FunctionName=name)
    message = f"RequestId: {answer['ResponseMetadata']['RequestId']} Error: {reason}"
    told = json.loads(answer["Payload"].read())
    assert told == {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}
    lines = log_of(logs, name, f"{message[:47]} Error: ")
    request = answer["ResponseMetadata"]["RequestId"]
    start = lines.index(f"START RequestId: {request} Version: $LATEST")
    assert lines[start - 1].startswith("INIT_REPORT ")
    assert "Phase: invoke" in lines[start - 1]
    assert lines[start + 1] == message
