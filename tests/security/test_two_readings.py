"""A request means what its signer signed: bent so that its signature still holds, it is refused or means the same.

Each case signs one request and sends another that has the same canonical form, at both planes and at a function URL.
"""

import json
from collections.abc import Iterator
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import Ingle
from tests.system.test_front_door import FUNCTIONS, talk

VERSION = "def handler(event, context):\n    return [context.function_version, {!r}]\n"
ECHO = "def handler(event, context):\n    return event\n"
INVOKE = FUNCTIONS + "two-readings/invocations"


@pytest.fixture(scope="module")
def published(ingle: Ingle) -> Iterator[Ingle]:
    """An Ingle with a function whose version 1 and $LATEST tell themselves apart."""
    functions = ingle.client()
    ingle.deploy("two-readings", {"app.py": VERSION.format("old")}, Publish=True)
    ingle.deploy("two-readings-url", {"app.py": ECHO})
    yield ingle
    for name in ("two-readings", "two-readings-url"):
        functions.delete_function(FunctionName=name)


def sent_otherwise(
    ingle: Ingle, method: str, signed: str, sent: str, body: bytes = b"{}", host: str = "", **headers: str
) -> tuple[int, Any]:
    """Sign one path with its query, and send another; return status and document."""
    held = ingle.credentials
    host = host or f"127.0.0.1:{ingle.port}"
    request = AWSRequest(method, f"http://{host}{signed}", data=body, headers={"Host": host, **headers})
    key = Credentials(held["access_key_id"], held["secret_access_key"])
    botocore.auth.SigV4Auth(key, "lambda", "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    raw = f"{method} {sent} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body
    status, _, content = talk(ingle, raw)
    return status, json.loads(content)


@pytest.mark.parametrize("name", ["Qualifier", "%51ualifier", "Q%75alifier", "%51%75%61%6c%69%66%69%65%72"])
@pytest.mark.parametrize("value", ["1", "%31"])
def test_a_qualifier_counts_however_it_is_written(name: str, value: str, published: Ingle) -> None:
    status, answer = sent_otherwise(published, "POST", INVOKE + "?Qualifier=1", f"{INVOKE}?{name}={value}")
    assert (status, answer) == (200, ["1", "old"])


@pytest.mark.parametrize("query", ["Qualifier=1&Qualifier=2", "Qualifier=1&%51ualifier=1"])
def test_a_qualifier_that_is_given_twice_is_refused(query: str, published: Ingle) -> None:
    signed = query.replace("%51", "Q")
    assert sent_otherwise(published, "POST", f"{INVOKE}?{signed}", f"{INVOKE}?{query}")[0] == 400


def test_a_header_that_says_what_to_do_comes_once(published: Ingle) -> None:
    headers = {"X-Amz-Invocation-Type": "DryRun,Event"}
    held = published.credentials
    host = f"127.0.0.1:{published.port}"
    request = AWSRequest("POST", f"http://{host}{INVOKE}", data=b"{}", headers={"Host": host, **headers})
    key = Credentials(held["access_key_id"], held["secret_access_key"])
    botocore.auth.SigV4Auth(key, "lambda", "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    twice = lines.replace("DryRun,Event", "DryRun\r\nX-Amz-Invocation-Type: Event")
    raw = f"POST {INVOKE} HTTP/1.1\r\n{twice}Content-Length: 2\r\n\r\n{{}}".encode()
    status, answer, _ = talk(published, raw)
    assert (status, answer["x-amzn-errortype"]) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize("header", ["Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"])
@pytest.mark.parametrize("path", [INVOKE, FUNCTIONS])
def test_a_part_of_the_signature_comes_once(header: str, path: str, published: Ingle) -> None:
    held = published.credentials
    host = f"127.0.0.1:{published.port}"
    request = AWSRequest("POST", f"http://{host}{path}", data=b"{}", headers={"Host": host})
    request.headers["X-Amz-Content-Sha256"] = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    key = Credentials(held["access_key_id"], held["secret_access_key"])
    botocore.auth.SigV4Auth(key, "lambda", "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    again = f"{header}: {request.headers[header]}\r\n"
    raw = f"POST {path} HTTP/1.1\r\n{lines}{again}Content-Length: 2\r\n\r\n{{}}".encode()
    status, answer, _ = talk(published, raw)
    assert (status, answer["x-amzn-errortype"]) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize(
    ("method", "signed", "sent"),
    [
        ("GET", FUNCTIONS + "two-readings", FUNCTIONS + "x/../two-readings"),
        ("GET", FUNCTIONS + "two-readings", FUNCTIONS + "/two-readings"),
        ("GET", FUNCTIONS + "two-readings", "/./2015-03-31/functions/two-readings"),
        ("DELETE", FUNCTIONS + "two-readings", FUNCTIONS + "two-readings/."),
        ("POST", FUNCTIONS + "invocations", FUNCTIONS + "./invocations"),
        ("POST", INVOKE, FUNCTIONS + "x/../two-readings/invocations"),
    ],
)
def test_a_path_that_its_signature_reads_otherwise_is_refused(
    method: str, signed: str, sent: str, published: Ingle
) -> None:
    status, answer = sent_otherwise(published, method, signed, sent, b"" if method == "GET" else b"{}")
    assert (status, answer["message"][:8]) == (403, "The path")


def test_parameters_of_the_management_api_count_however_they_are_written(published: Ingle) -> None:
    path = FUNCTIONS + "two-readings"
    for sent in (path + "?Qualifier=1", path + "?%51ualifier=%31"):
        status, answer = sent_otherwise(published, "GET", path + "?Qualifier=1", sent, b"")
        assert (status, answer["Configuration"]["Version"]) == (200, "1")
    layer = "arn:aws:lambda:us-east-1:000000000000:layer:nothing:1"
    for sent in ("find=LayerVersion", "%66ind=LayerVersion", "find=%4CayerVersion"):
        signed, bent = (f"/2018-10-31/layers?{query}&Arn={layer}" for query in ("find=LayerVersion", sent))
        status, answer = sent_otherwise(published, "GET", signed, bent, b"")
        assert (status, "Layers" in answer) == (403, False), answer  # nobody may learn of a layer that there is none


@pytest.mark.parametrize("path", [FUNCTIONS + "two-readings", FUNCTIONS])
@pytest.mark.parametrize("query", ["Qualifier=1&Qualifier=2", "MaxItems=1&MaxItems=2", "Marker=a&Marker=b"])
def test_a_parameter_of_the_management_api_comes_once_or_not_at_all(path: str, query: str, published: Ingle) -> None:
    status, answer = sent_otherwise(published, "GET", f"{path}?{query}", f"{path}?{query}", b"")
    is_known = ("Qualifier" in query) == (path != FUNCTIONS)
    assert status == (400 if is_known else 200), answer


@pytest.fixture
def host(published: Ingle) -> Iterator[str]:
    """The host of a function URL whose callers sign."""
    functions = published.client()
    made = functions.create_function_url_config(FunctionName="two-readings-url", AuthType="AWS_IAM")
    yield made["FunctionUrl"].split("/")[2]
    functions.delete_function_url_config(FunctionName="two-readings-url")


def test_a_function_behind_a_signed_url_reads_what_was_signed(host: str, published: Ingle) -> None:
    signed, sent = "/a/b?q=1%2B2", "/a/x/..//b?%71=1+2"
    status, event = sent_otherwise(published, "POST", signed, sent, b"{}", host)
    assert (status, event["rawPath"], event["rawQueryString"]) == (200, "/a/b", "%71=1%2B2")
    assert event["queryStringParameters"] == {"q": "1+2"}


def test_a_function_url_by_path_reads_what_was_signed(host: str, published: Ingle) -> None:
    base = "/lambda-url/" + host.partition(".")[0]
    status, event = sent_otherwise(published, "POST", f"{base}/a/b?q=1%2B2", f"{base}/a/x/..//b?%71=1+2")
    assert (status, event["rawPath"], event["queryStringParameters"]) == (200, "/a/b", {"q": "1+2"})
    for other in ("/lambda-url/another/a", "/a"):
        up = "../" * (2 if other.startswith("/lambda-url") else 3)
        assert (
            sent_otherwise(published, "POST", other, f"{base}/b/{up}{other.rpartition('url/')[2].lstrip('/')}")[0]
            == 403
        )


@pytest.mark.parametrize("path", [INVOKE, FUNCTIONS])
def test_a_payload_is_signed_at_both_planes(path: str, published: Ingle) -> None:
    unsigned = {"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}
    status, answer = sent_otherwise(published, "POST", path, path, b'{"a": 1}', **unsigned)
    assert status == 403, answer
    assert answer["message"].startswith("The request signature we calculated does not match")
