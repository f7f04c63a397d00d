"""Function URLs: their configuration with boto3, and requests to them as curl and browsers make them."""

import base64
import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError
from harness import Ingle
from url_caller import Answer, Caller

SOURCE = """
import json, time, urllib.parse
def handler(event, context):
    wish = event.get("queryStringParameters", {})
    if "fail" in wish:
        raise ValueError("secret")
    if "sleep" in wish:
        time.sleep(float(wish["sleep"]))
    if "large" in wish:
        return "x" * 6_300_000
    if "answer" in wish:
        return json.loads(wish["answer"])
    return {"event": event, "arn": context.invoked_function_arn, "request": context.aws_request_id}
"""


@pytest.fixture(scope="module")
def client(ingle: Ingle) -> Any:
    return ingle.client()


@pytest.fixture(scope="module")
def named(ingle: Ingle, client: Any) -> Iterator[str]:
    ingle.deploy("url-served", {"app.py": SOURCE}, Publish=True, Timeout=2)
    yield "url-served"
    client.delete_function(FunctionName="url-served")


@pytest.fixture(scope="module")
def caller(ingle: Ingle, client: Any, named: str) -> Caller:
    return Caller(ingle, client.create_function_url_config(FunctionName=named, AuthType="AWS_IAM")["FunctionUrl"])


def refused(call: Any, **arguments: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value.response
    return error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Message"]


def test_a_url_is_configured_on_functions_and_aliases(ingle: Ingle, client: Any, deploy: Any) -> None:
    name = deploy("def handler(e, c):\n    return 1\n", Publish=True)
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    cors = {"AllowOrigins": ["https://a.test"], "MaxAge": 5, "AllowCredentials": False}
    made = client.create_function_url_config(FunctionName=name, AuthType="NONE", Cors=cors)
    assert made.pop("ResponseMetadata")["HTTPStatusCode"] == 201
    url, port = urlsplit(made["FunctionUrl"]), ingle.port
    assert len(url.netloc.partition(".")[0]) == 32
    assert url.netloc.partition(".")[2] == f"lambda-url.us-east-1.localhost:{port}"
    assert (url.scheme, url.path) == ("http", "/")
    assert made.keys() == {"FunctionUrl", "FunctionArn", "AuthType", "Cors", "CreationTime"}
    assert (made["FunctionArn"], made["Cors"]) == (arn, cors)
    got = client.get_function_url_config(FunctionName=name)
    assert {**made, "InvokeMode": "BUFFERED"}.items() <= got.items()
    assert got["LastModifiedTime"] == got["CreationTime"]
    code, status, message = refused(client.create_function_url_config, FunctionName=name, AuthType="NONE")
    assert (code, status) == ("ResourceConflictException", 409)
    assert message.endswith(f"[functionArn = {arn}]. Error message:  FunctionUrlConfig exists for this Lambda function")
    changed = client.update_function_url_config(FunctionName=name, InvokeMode="RESPONSE_STREAM", Cors={})
    assert (changed["FunctionUrl"], changed["AuthType"]) == (made["FunctionUrl"], "NONE")
    assert "Cors" not in changed
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    alias = client.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="AWS_IAM")
    assert alias["FunctionArn"] == f"{arn}:live"
    first = client.list_function_url_configs(FunctionName=name, MaxItems=1)
    second = client.list_function_url_configs(FunctionName=name, Marker=first["NextMarker"])
    listed = first["FunctionUrlConfigs"] + second["FunctionUrlConfigs"]
    assert [one["FunctionUrl"] for one in listed] == [made["FunctionUrl"], alias["FunctionUrl"]]
    assert client.delete_function_url_config(FunctionName=name)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_function_url_config, FunctionName=name) == (
        "ResourceNotFoundException", 404, "The resource you requested does not exist."
    )  # fmt: skip
    again = client.create_function_url_config(FunctionName=name, AuthType="NONE")
    assert again["FunctionUrl"] != made["FunctionUrl"]


def test_what_has_no_url_is_told(client: Any, named: str) -> None:
    missing = ("ResourceNotFoundException", 404, "Function does not exist")
    assert refused(client.create_function_url_config, FunctionName="nobody", AuthType="NONE") == missing
    assert refused(client.list_function_url_configs, FunctionName="nobody") == missing
    alias = {"FunctionName": named, "Qualifier": "nobody"}
    assert refused(client.create_function_url_config, AuthType="NONE", **alias) == missing
    for act in (client.get_function_url_config, client.update_function_url_config, client.delete_function_url_config):
        assert refused(act, **alias)[:2] == ("ResourceNotFoundException", 404)
    broken = {"FunctionName": named, "AuthType": "NONE"}
    assert refused(client.create_function_url_config, Qualifier="1", **broken)[0] == "ValidationException"
    assert refused(client.create_function_url_config, FunctionName=named, AuthType="OPEN")[0] == "ValidationException"
    for cors in ({"MaxAge": 86401}, {"AllowOrigins": ["a"] * 101}, {"AllowMethods": ["OPTIONS"]}):
        assert refused(client.create_function_url_config, Cors=cors, **broken)[0] == "ValidationException"
    split = {"Cors": {"AllowHeaders": ["a\rb"]}}
    assert refused(client.create_function_url_config, **split, **broken)[1] == 400


def test_a_plain_answer_is_compact_json(caller: Caller) -> None:
    for method in ("GET", "HEAD"):
        answer = caller.signed(method, "/?answer=" + quote('{"hello": "world"}'))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["content-length"] == "17"
        assert answer.body == (b'{"hello":"world"}' if method == "GET" else b"")


def test_a_url_is_served_by_its_path_too(ingle: Ingle, caller: Caller) -> None:
    url_id = caller.host.partition(".")[0]
    by_path = Caller(ingle, f"http://127.0.0.1:{ingle.port}/")
    answer = by_path.signed("GET", f"/lambda-url/{url_id}/a%2fb//c?x=1&x=2")
    assert (answer.status, answer.headers["content-security-policy"]) == (200, "sandbox allow-scripts allow-forms")
    event = answer.value["event"]
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%2fb/c", "x=1&x=2")
    assert event["requestContext"]["http"]["path"] == "/a%2fb/c"
    assert event["requestContext"]["domainName"] == caller.host.partition(":")[0]
    assert event["headers"]["host"] == f"127.0.0.1:{ingle.port}"
    assert by_path.signed("GET", f"/lambda-url/{url_id}").value["event"]["rawPath"] == "/"
    assert by_path.ask("GET", f"/lambda-url/{url_id}/").status == 403
    assert by_path.ask("GET", "/lambda-url/nobody/").value == {"Message": None}
    browser = by_path.ask("GET", f"/lambda-url/{url_id}/page?x=1", Sec_Fetch_Mode="navigate")
    assert (browser.status, browser.headers["location"]) == (307, f"http://{caller.host}/page?x=1")


def test_a_signed_request_is_served(caller: Caller) -> None:
    path = "/some/where?k=v&k=w"
    answer = caller.signed("PUT", path, b"\x00\x01", Cookie="a=1; b=2", X_Own="yes")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    event = answer.value["event"]
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/some/where", "k=v&k=w")
    assert (event["cookies"], event["headers"]["x-own"], event["queryStringParameters"]) == (
        ["a=1", "b=2"],
        "yes",
        {"k": "v,w"},
    )
    assert (event["body"], event["isBase64Encoded"]) == (base64.b64encode(b"\x00\x01").decode(), True)
    context = event["requestContext"]
    assert context["authorizer"]["iam"]["userArn"] == "arn:aws:iam::000000000000:root"
    assert (context["http"]["method"], context["http"]["sourceIp"]) == ("PUT", "127.0.0.1")
    assert context["requestId"] == answer.value["request"] == answer.headers["x-amzn-requestid"]
    assert context["domainName"] == caller.host.partition(":")[0]
    assert abs(context["timeEpoch"] / 1000 - time.time()) < 60
    assert answer.headers["x-amzn-trace-id"] == event["headers"]["x-amzn-trace-id"]
    assert answer.value["arn"].endswith(":function:url-served")
    presigned = caller.ask("GET", caller.presign("/any?x=y"))
    assert (presigned.status, presigned.value["event"]["rawPath"]) == (200, "/any")
    assert presigned.value["event"]["queryStringParameters"]["x"] == "y"


def test_a_trace_id_is_passed_on_unless_it_is_too_long_for_those_behind(caller: Caller) -> None:
    assert caller.signed(X_Amzn_Trace_Id="Root=1-2-3").headers["x-amzn-trace-id"] == "Root=1-2-3"
    answer = caller.signed(X_Amzn_Trace_Id="R" * 2_000)
    assert answer.status == 200
    assert answer.headers["x-amzn-trace-id"].startswith("Root=1-")


def test_who_may_not_is_told_little(ingle: Ingle, caller: Caller, client: Any, named: str) -> None:
    forbidden = caller.ask()
    assert (forbidden.status, forbidden.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert forbidden.value["Message"].startswith(
        "Forbidden. For troubleshooting Function URL authorization issues, see: "
    )
    assert "x-amzn-requestid" in forbidden.headers
    headers = caller.sign()
    headers["Authorization"] = headers["Authorization"][:-4] + "0000"
    bent = Answer(caller.open("GET", "/", headers, b""))
    assert (bent.status, bent.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
    other = Caller(ingle, caller.url.replace("us-east-1", "eu-west-1"))
    unknown = Caller(ingle, f"http://{'z' * 32}.lambda-url.us-east-1.localhost:{ingle.port}/")
    for one in (other.signed(), unknown.ask(), unknown.ask("POST", "/2015-03-31/functions/x/invocations")):
        assert (one.status, one.value) == (403, {"Message": None})


def test_everybody_is_let_in_by_both_permissions_alone(ingle: Ingle, client: Any, deploy: Any) -> None:
    name = deploy(SOURCE)
    url = client.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
    caller, everybody = Caller(ingle, url), {"FunctionName": name, "Principal": "*"}
    assert caller.ask().status == 403
    action = "lambda:InvokeFunctionUrl"
    client.add_permission(StatementId="url", Action=action, FunctionUrlAuthType="NONE", **everybody)
    assert caller.ask().value["Message"].startswith("Forbidden")
    client.add_permission(StatementId="all", Action="lambda:InvokeFunction", InvokedViaFunctionUrl=True, **everybody)
    answer = caller.ask("POST", "/", b"hello", Content_Type="text/plain", Authorization="Bearer of-its-own")
    event = answer.value["event"]
    assert (event["body"], event["isBase64Encoded"], event["headers"]["authorization"]) == (
        "hello",
        False,
        "Bearer of-its-own",
    )
    assert event["requestContext"]["accountId"] == "anonymous"
    assert "authorizer" not in event["requestContext"]
    assert caller.ask(Host=caller.host + "@other").value == {"Message": None}
    client.remove_permission(FunctionName=name, StatementId="url")
    assert caller.ask().status == 403
    client.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert (caller.ask().status, caller.signed().status) == (403, 200)
    client.delete_function(FunctionName=name)
    assert caller.signed().value == {"Message": None}


def answered(caller: Caller, value: Any, method: str = "GET") -> Answer:
    from urllib.parse import quote

    return caller.signed(method, f"/?answer={quote(json.dumps(value), safe='')}")


def test_an_answer_has_status_headers_cookies_and_body(caller: Caller) -> None:
    body = {"body": "AP8=", "isBase64Encoded": True}
    made = answered(caller, {"statusCode": 418, "headers": {"X-Tea": "yes"}, "cookies": ["a=1", "b=2"], **body})
    assert (made.status, made.headers["x-tea"], made.body) == (418, "yes", b"\x00\xff")
    assert [value for name, value in made.pairs if name == "set-cookie"] == ["a=1", "b=2"]
    assert answered(caller, "plain").body == b"plain"
    assert answered(caller, {"k": [1]}).value == {"k": [1]}
    head = answered(caller, {"statusCode": 200, "body": "four"}, "HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, "4", b"")


def test_what_goes_wrong_is_an_internal_server_error(caller: Caller) -> None:
    for path in ("/?fail", "/?large", "/?sleep=10", "/?answer=%7B%22statusCode%22%3A7%7D"):
        answer = caller.signed("GET", path)
        assert (answer.status, answer.body) == (502, b"Internal Server Error"), path
    assert caller.signed("POST", "/", b"x" * 6_300_000).status == 413


def test_a_closed_function_throttles_its_urls_too(ingle: Ingle, caller: Caller, client: Any, named: str) -> None:
    client.put_function_concurrency(FunctionName=named, ReservedConcurrentExecutions=0)
    answer = caller.signed()
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
    assert answer.value["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    client.delete_function_concurrency(FunctionName=named)
    assert caller.signed().status == 200
    metrics = Answer(Caller(ingle, f"http://127.0.0.1:{ingle.port}").open("GET", "/metrics", {}, b""))
    counted = [line for line in metrics.body.decode().splitlines() if line.startswith("ingle_url_requests_total{")]
    assert any('function="url-served"' in line and 'status="4xx"' in line for line in counted)


def test_cors_is_answered_without_the_function(client: Any, caller: Caller, named: str) -> None:
    cors = {"AllowOrigins": ["https://a.test"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-a"], "MaxAge": 9}
    client.update_function_url_config(FunctionName=named, Cors=cors)
    asked = caller.ask("OPTIONS", "/?fail", Origin="https://a.test", Access_Control_Request_Method="PUT")
    assert (asked.status, asked.body) == (200, b"")
    allowed = {name: value for name, value in asked.pairs if name.startswith("access-control-")}
    assert allowed == {
        "access-control-allow-origin": "https://a.test",
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "9",
    }
    answer = caller.signed("GET", "/", Origin="https://a.test")
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == ("https://a.test", "Origin")
    refusal = caller.ask("GET", "/", Origin="https://a.test")
    assert (refusal.status, refusal.headers["access-control-allow-origin"]) == (403, "https://a.test")
    client.update_function_url_config(FunctionName=named, Cors={})
    assert caller.signed("OPTIONS").value["event"]["requestContext"]["http"]["method"] == "OPTIONS"


def test_an_aliass_url_leads_to_its_version_and_closes_with_it(ingle: Ingle, client: Any, named: str) -> None:
    client.create_alias(FunctionName=named, Name="live", FunctionVersion="1")
    made = client.create_function_url_config(FunctionName=f"{named}:live", AuthType="AWS_IAM")
    caller = Caller(ingle, made["FunctionUrl"])
    assert caller.signed().value["arn"].endswith(":url-served:live")
    client.delete_alias(FunctionName=named, Name="live")
    closed = caller.signed()
    assert (closed.status, closed.value["Message"][:9]) == (403, "Forbidden")
    assert refused(client.get_function_url_config, FunctionName=named, Qualifier="live")[1] == 404


STREAMS = """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  const wish = event.queryStringParameters || {};
  if (wish.fail === 'before') throw new Error('no');
  if (wish.raw) stream.setContentType('text/plain');
  else stream = awslambda.HttpResponseStream.from(stream, { statusCode: 203, headers: { 'X-A': 'b' }, cookies: ['c=1'] });
  stream.write('one,');
  await new Promise((go) => setTimeout(go, Number(wish.wait ?? 0)));
  if (wish.fail) throw new Error('broken');
  stream.write('two');
  stream.end();
});
"""


def test_a_streaming_url_passes_bytes_on_as_they_come(ingle: Ingle, client: Any, deploy: Any) -> None:
    name = deploy("", files={"index.mjs": STREAMS}, runtime="nodejs20.x", Handler="index.handler")
    made = client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
    caller = Caller(ingle, made["FunctionUrl"])
    with contextlib.closing(caller.open("GET", "/?wait=1000", caller.sign("GET", "/?wait=1000"), b"")) as connection:
        raw = connection.getresponse()
        assert (raw.status, raw.getheader("x-a"), raw.getheader("set-cookie")) == (203, "b", "c=1")
        began = time.monotonic()
        assert raw.read(4) == b"one,"
        assert raw.read() == b"two"
        assert time.monotonic() - began > 0.1
    plain = caller.signed("GET", "/?raw=1")
    assert (plain.status, plain.headers["content-type"], plain.body) == (200, "text/plain", b"one,two")
    failed = caller.signed("GET", "/?fail=before")
    assert (failed.status, failed.body) == (502, b"Internal Server Error")
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        caller.signed("GET", "/?fail=within")


def test_a_streaming_url_of_a_function_that_does_not_stream_passes_its_payload_on(
    ingle: Ingle, client: Any, deploy: Any
) -> None:
    name = deploy("def handler(e, c):\n    return {'statusCode': 404}\n")
    made = client.create_function_url_config(FunctionName=name, AuthType="AWS_IAM", InvokeMode="RESPONSE_STREAM")
    answer = Caller(ingle, made["FunctionUrl"]).signed()
    assert (answer.status, answer.value) == (200, {"statusCode": 404})
