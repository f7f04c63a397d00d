"""The public port under bad input: every malformed request gets AWS's error, none a 500."""

import datetime
import http.client
import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import INGLE, Ingle, free_port, running_ingle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingle.app.tls.local_ca import CertificateFolder, use_own_certificate
from ingle.app.tls.tls_names import names_of
from ingle.keys import FileRootKey

FUNCTIONS = "/2015-03-31/functions/"


def signed(
    ingle: Ingle, method: str, path: str, body: bytes = b"", *, host: str | None = None, **headers: str
) -> bytes:
    """Return a whole signed request as bytes."""
    held = ingle.credentials
    host = host or f"127.0.0.1:{ingle.port}"
    request = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Host": host, **headers})
    key = Credentials(held["access_key_id"], held["secret_access_key"])
    botocore.auth.SigV4Auth(key, "lambda", "us-east-1").add_auth(request)
    lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def talk(ingle: Ingle, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, say that no more come, and return status, headers and body of the first answer; (0, …) for none."""
    with socket.create_connection(("127.0.0.1", ingle.port), timeout=20) as link:
        link.sendall(request)
        link.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(link)
        try:
            answer.begin()
        except (http.client.HTTPException, ConnectionError):
            return 0, {}, b""
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing/here", b"", 404, "UnknownOperationException"),
        ("PATCH", FUNCTIONS, b"", 404, "UnknownOperationException"),
        ("POST", FUNCTIONS, b"{", 400, "SerializationException"),
        ("POST", FUNCTIONS, b"[]", 400, "SerializationException"),
        ("POST", FUNCTIONS, b"\xff\xfe", 400, "SerializationException"),
        ("POST", FUNCTIONS, b"{}", 400, "ValidationException"),
        ("POST", FUNCTIONS, b'{"FunctionName": 5e400}', 400, "SerializationException"),
        ("POST", FUNCTIONS, b'{"Code":{"ZipFile":"***"}}', 400, "SerializationException"),
        ("POST", FUNCTIONS, b'{"FunctionName":' + b"[" * 3000 + b"}", 400, "SerializationException"),
        ("GET", FUNCTIONS + "a%00b", b"", 400, "ValidationException"),
        ("GET", FUNCTIONS + "%FF%FE", b"", 400, "ValidationException"),
        ("GET", FUNCTIONS + "x" * 500, b"", 400, "ValidationException"),
        ("GET", FUNCTIONS + "?MaxItems=many", b"", 400, "SerializationException"),
        ("GET", FUNCTIONS + "?MaxItems=0", b"", 400, "ValidationException"),
        ("GET", FUNCTIONS + "?Marker=%21%21", b"", 400, "InvalidParameterValueException"),
        ("POST", FUNCTIONS + "a%2F..%2Fb/invocations", b"{}", 400, "ValidationException"),
        ("POST", FUNCTIONS + "nobody/invocations", b"{}", 404, "ResourceNotFoundException"),
    ],
)  # fmt: skip
def test_a_signed_request_that_makes_no_sense_gets_awss_error(
    method: str, path: str, body: bytes, status: int, code: str, ingle: Ingle
) -> None:
    seen, headers, content = talk(ingle, signed(ingle, method, path, body))
    assert (seen, headers.get("x-amzn-errortype")) == (status, code), content
    assert headers["x-amzn-requestid"]
    assert json.loads(content)


@pytest.mark.parametrize("path", [FUNCTIONS, FUNCTIONS + "f/invocations"])
def test_both_planes_refuse_what_is_not_signed_rightly(path: str, ingle: Ingle) -> None:
    good = signed(ingle, "POST", path, b"{}")
    cases = {
        "MissingAuthenticationTokenException": (403, f"POST {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()),
        "IncompleteSignatureException": (400, good.replace(b"Credential=", b"Credentials=")),
        "UnrecognizedClientException": (403, good.replace(ingle.credentials["access_key_id"].encode(), b"A" * 20)),
        "InvalidSignatureException": (403, good[:-2] + b"[]"),
    }
    for code, (status, request) in cases.items():
        seen, headers, content = talk(ingle, request)
        assert (seen, headers.get("x-amzn-errortype")) == (status, code), content
    replaced = good.replace(b"Signature=", b"Signature=0")
    assert talk(ingle, replaced)[1]["x-amzn-errortype"] == "InvalidSignatureException"
    lambda_scope = good.replace(b"/lambda/aws4_request", b"/s3/aws4_request")
    assert talk(ingle, lambda_scope)[0] == (403 if path.endswith("invocations") else 501)


def test_limits_on_headers_and_bodies_are_answered(ingle: Ingle) -> None:
    head = f"POST {FUNCTIONS} HTTP/1.1\r\nHost: x\r\n"
    assert talk(ingle, (head + f"X-Big: {'y' * 70_000}\r\n\r\n").encode())[0] == 431
    assert talk(ingle, (head + "".join(f"X-{n}: 1\r\n" for n in range(200)) + "\r\n").encode())[0] == 431
    assert talk(ingle, (head + "Content-Length: 80000000\r\n\r\n").encode())[0] == 413
    assert talk(ingle, (head + "Content-Length: -1\r\n\r\n").encode())[0] == 400


def test_nothing_is_kept_of_a_body_whose_sender_has_no_key(ingle: Ingle) -> None:
    target = FUNCTIONS + "f/invocations"
    forged = signed(ingle, "POST", target, b"x").replace(ingle.credentials["access_key_id"].encode(), b"AKIAUNKNOWN")
    for head in (f"POST {target} HTTP/1.1\r\nHost: x\r\n".encode(), forged.partition(b"Content-Length")[0]):
        with socket.create_connection(("127.0.0.1", ingle.port), timeout=20) as link:
            link.sendall(head + b"Content-Length: 6000000\r\n\r\n{")
            assert link.recv(12) == b"HTTP/1.1 403"


MUTATIONS = st.lists(st.tuples(st.integers(0, 600), st.binary(max_size=12)), min_size=1, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=MUTATIONS, is_invoke=st.booleans())
def test_a_bent_request_is_refused_or_answered_but_never_a_500(mutations: Any, is_invoke: bool, ingle: Ingle) -> None:
    request = bytearray(signed(ingle, "POST", FUNCTIONS + ("f/invocations" if is_invoke else ""), b'{"a":1}'))
    for at, put in mutations:
        request[at % len(request) : at % len(request) + len(put)] = put
    status, _, content = talk(ingle, bytes(request))
    assert status < 500, content


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=400))
def test_arbitrary_bytes_are_refused_and_hurt_nobody(raw: bytes, ingle: Ingle) -> None:
    status, _, content = talk(ingle, raw)
    assert status < 500, content


def test_after_all_that_control_and_gateway_have_logged_no_failure(ingle: Ingle) -> None:
    assert ingle.is_healthy()
    log = (ingle.data_dir / "programs.log").read_text()
    assert "exchange.failed" not in log, log[-3000:]
    assert "request.failed" not in log, log[-3000:]


def test_any_region_of_the_signature_works_and_keeps_its_own_functions(ingle: Ingle) -> None:
    ingle.deploy("here", {"app.py": "def handler(e, c):\n    return c.invoked_function_arn\n"})
    client = ingle.client_in("ap-southeast-2")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke(FunctionName="here")


def test_a_presigned_url_invokes(ingle: Ingle) -> None:
    ingle.deploy("presigned", {"app.py": "def handler(e, c):\n    return e\n"})
    held = ingle.credentials
    key = Credentials(held["access_key_id"], held["secret_access_key"])
    request = AWSRequest("POST", f"http://127.0.0.1:{ingle.port}{FUNCTIONS}presigned/invocations")
    botocore.auth.SigV4QueryAuth(key, "lambda", "us-east-1", expires=60).add_auth(request)
    with urllib.request.urlopen(urllib.request.Request(request.url, method="POST")) as answer:
        assert answer.read() == b"{}"
    with pytest.raises(urllib.error.HTTPError) as caught:  # the signature covers the body
        urllib.request.urlopen(urllib.request.Request(request.url, data=b"1", method="POST"))
    assert caught.value.code == 403
    caught.value.close()


def over_tls(context: ssl.SSLContext, port: int, host: str, request: bytes) -> Any:
    """Send a request to a function URL whose name is in the certificate, and return its answer's JSON."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    with context.wrap_socket(plain, server_hostname=host.partition(":")[0]) as link:
        link.sendall(request)
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return json.loads(answer.read())


def test_a_browser_that_opens_the_address_learns_what_this_is(ingle: Ingle) -> None:
    page = urllib.request.Request(f"http://127.0.0.1:{ingle.port}/", headers={"Accept": "text/html,*/*;q=0.8"})
    with urllib.request.urlopen(page) as answer:
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert b"a self-hosted AWS Lambda" in answer.read()
    for headers, path in (
        ({}, "/"),
        ({"Accept": "text/html", "Authorization": "x"}, "/"),
        ({"Accept": "text/html"}, "/x"),
    ):
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        status, told, _ = talk(ingle, f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        assert (status // 100, told["content-type"]) == (4, "application/json")


def test_a_rehearsal_says_whether_code_starts_and_is_for_who_may_invoke(ingle: Ingle) -> None:
    for name, source, starts in (("sound", "def handler(e, c):\n    return 1\n", True), ("broken", "x = (", False)):
        ingle.deploy(f"rehearsed-{name}", {"app.py": source})
        status, _, body = talk(ingle, signed(ingle, "POST", f"/rehearsals/rehearsed-{name}"))
        assert (status, json.loads(body)) == (200, {"init": starts})
        ingle.client().delete_function(FunctionName=f"rehearsed-{name}")
    assert talk(ingle, signed(ingle, "POST", "/rehearsals/nobody"))[0] == 404
    assert talk(ingle, b"POST /rehearsals/rehearsed-sound HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")[0] == 403


def test_https_is_served_under_a_local_ca() -> None:
    port = free_port()
    with running_ingle("--https-port", str(port), "--domain", "ingle.test") as running:
        ca = running.data_dir / "tls" / "ca.pem"
        context = ssl.create_default_context(cafile=str(ca))
        with urllib.request.urlopen(f"https://localhost:{port}/health", context=context) as answer:
            assert answer.status == 200
        held = running.credentials
        client = boto3.client(
            "lambda", endpoint_url=f"https://localhost:{port}", region_name="us-east-1", verify=str(ca),
            aws_access_key_id=held["access_key_id"], aws_secret_access_key=held["secret_access_key"],
        )  # fmt: skip
        assert client.list_functions()["Functions"] == []
        running.deploy("f", {"app.py": "def handler(e, c):\n    return e['headers']\n"})
        location = client.get_function(FunctionName="f")["Code"]["Location"]
        with urllib.request.urlopen(location, context=context) as answer:
            assert location.startswith(f"https://localhost:{port}/") and answer.read(2) == b"PK"
        url = client.create_function_url_config(FunctionName="f", AuthType="AWS_IAM")["FunctionUrl"]
        host = url.removeprefix("https://").rstrip("/")
        assert host.endswith(f".lambda-url.us-east-1.ingle.test:{port}")
        plain = running.client().get_function_url_config(FunctionName="f")["FunctionUrl"]
        assert plain == url.replace("https", "http").replace(str(port), str(running.port))
        told = over_tls(context, port, host, signed(running, "GET", "/", host=host))
        assert (told["x-forwarded-proto"], told["x-amzn-tls-version"]) == ("https", "TLSv1.3")
        client.close()
        assert (running.data_dir / "tls" / "server.pem").stat().st_mode & 0o077 == 0
        exports = subprocess.run([INGLE, "env", "--data", running.data_dir], capture_output=True, text=True).stdout
        assert f"export AWS_CA_BUNDLE={ca}\n" in exports
        assert f"https      https://localhost:{port} (its clients trust {ca})" in running.announcement()


def test_a_certificate_of_ones_own_is_served_and_followed_while_ingle_runs(tmp_path: Path) -> None:
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    write_certificate(certificate, key)
    port = free_port()
    with running_ingle("--https-port", str(port), "--cert", str(certificate), "--key", str(key)) as running:
        first = ssl.get_server_certificate(("127.0.0.1", port))
        assert first.strip() in certificate.read_text()
        write_certificate(certificate, key)
        use_own_certificate(running.data_dir, certificate, key)  # what `ingle up` does once an hour
        end = time.monotonic() + 20
        while ssl.get_server_certificate(("127.0.0.1", port)) == first:
            assert time.monotonic() < end
            time.sleep(0.1)
        exports = subprocess.run([INGLE, "env", "--data", running.data_dir], capture_output=True, text=True).stdout
        assert "AWS_CA_BUNDLE" not in exports


def write_certificate(certificate: Path, key: Path) -> None:
    """Write another certificate and its key."""
    maker = certificate.parent / "maker"
    names = names_of("127.0.0.1", "localhost", [])
    CertificateFolder(maker, FileRootKey(maker / "root.key")).keep(*names, datetime.datetime.now(datetime.UTC))
    pem = (maker / "tls" / "server.pem").read_text()
    (maker / "tls" / "server.pem").unlink()
    at = pem.index("-----BEGIN CERT")
    certificate.write_text(pem[at:])
    key.write_text(pem[:at])


def test_another_account_is_everywhere(tmp_path: Path) -> None:
    with running_ingle("--account", "123456789012") as running:
        running.deploy("f", {"app.py": "def handler(e, c):\n    return c.invoked_function_arn\n"})
        answer = running.client().invoke(FunctionName="f")["Payload"].read()
        assert answer == b'"arn:aws:lambda:us-east-1:123456789012:function:f"'


def test_concurrency_beyond_the_accounts_limit_is_throttled_with_its_reason() -> None:
    with running_ingle("--concurrency", "3") as running:
        running.deploy("f", {"app.py": "import time\ndef handler(e, c):\n    time.sleep(e)\n"}, Timeout=10)
        port, requests = running.port, []
        for _ in range(3):
            link = socket.create_connection(("127.0.0.1", port))
            link.sendall(signed(running, "POST", FUNCTIONS + "f/invocations", b"3"))
            requests.append(link)
        client = running.client()
        subprocess.run(["sleep", "1"], check=True)  # until all three are with their function
        with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
            client.invoke(FunctionName="f", Payload=b"0")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert caught.value.response["Reason"] == "ConcurrentInvocationLimitExceeded"
        for link in requests:
            assert link.recv(12) == b"HTTP/1.1 200"
            link.close()
        assert client.invoke(FunctionName="f", Payload=b"0")["StatusCode"] == 200
        assert client.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 3
