"""The caller's side of the protocols, held against botocore's serializers, signers and parsers."""

import calendar
import time
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore_wire import send

from ingle.protocol import AwsError, calls, load_service

KEY = calls.AccessKey(key_id="AKIAIOSFODNN7EXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
HOST = "127.0.0.1:9100"
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("lambda", "CreateFunction", {"FunctionName": "f", "Code": {"ZipFile": b"PK\x00"}, "Publish": True, "Timeout": 9}),
    ("lambda", "Invoke", {"FunctionName": "f:live", "Payload": b"{}", "LogType": "Tail", "Qualifier": "a b"}),
    ("lambda", "ListTags", {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"}),
    ("lambda", "UntagResource", {"Resource": "arn:aws:x", "TagKeys": ["a", "b/c"]}),
    ("lambda", "ListFunctions", {"MaxItems": 3, "Marker": "é"}),
    ("lambda", "DeleteFunctionConcurrency", {"FunctionName": "f"}),
    ("lambda", "GetLayerVersion", {"LayerName": "l", "VersionNumber": 3}),
    ("logs", "FilterLogEvents", {"logGroupName": "/aws/lambda/f", "startTime": 7}),
]


@pytest.mark.parametrize(("service", "name", "values"), REQUESTS, ids=[name for _, name, _ in REQUESTS])
def test_a_call_is_what_botocore_sends_and_signs(service: str, name: str, values: dict[str, Any]) -> None:
    model = load_service(service)
    call = calls.render_call(model, model.operations[name], values)
    theirs = send(service, name, values)
    path, _, query = call.target.partition("?")
    assert (call.method, path, sorted(query.split("&"))) == (
        theirs.method,
        theirs.path,
        sorted(theirs.query.split("&")),
    )
    assert load_json(call.body) == load_json(theirs.body)

    now_s = time.time()
    signed = dict(calls.sign(call, HOST, KEY, "us-east-1", service, now_s))
    headers = {name.decode(): value.decode() for name, value in call.headers}
    request = AWSRequest(call.method, f"http://{HOST}{call.target}", headers=headers, data=call.body)
    signer = botocore.auth.SigV4Auth(Credentials(KEY.key_id, KEY.secret), service, "us-east-1")
    request.context["timestamp"] = signed[b"x-amz-date"].decode()
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert signer.signature(text, request) in signed[b"authorization"].decode()
    assert abs(calendar.timegm(time.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ")) - now_s) <= 1


def load_json(body: bytes) -> Any:
    import json

    return json.loads(body) if body else {}


def test_an_answer_is_read_from_status_headers_and_body() -> None:
    model = load_service("lambda")
    headers = {"x-amz-function-error": "Unhandled", "x-amz-executed-version": "1"}
    assert calls.read_result(model, model.operations["Invoke"], 200, headers, b"[1]") == {
        "Payload": b"[1]", "FunctionError": "Unhandled", "ExecutedVersion": "1", "StatusCode": 200,
    }  # fmt: skip
    listed = calls.read_result(model, model.operations["ListTags"], 200, {}, b'{"Tags": {"a": "b"}, "Later": 1}')
    assert listed == {"Tags": {"a": "b"}}
    assert calls.read_result(model, model.operations["UntagResource"], 204, {}, b"") == {}


@pytest.mark.parametrize(
    ("headers", "body", "code", "message"),
    [
        ({"x-amzn-errortype": "ResourceNotFoundException:http://x"}, b'{"Message": "gone"}', "ResourceNotFoundException", "gone"),
        ({}, b'{"__type": "InvalidParameterException", "message": "no"}', "InvalidParameterException", "no"),
        ({}, b"<html>", "HTTP 404", "the answer is 404"),
        ({}, b"[]", "HTTP 404", "the answer is 404"),
    ],
)  # fmt: skip
def test_a_refusal_is_an_error_with_its_code(headers: dict[str, str], body: bytes, code: str, message: str) -> None:
    model = load_service("lambda")
    with pytest.raises(AwsError) as caught:
        calls.read_result(model, model.operations["ListTags"], 404, headers, body)
    assert (caught.value.code, caught.value.message, caught.value.status) == (code, message, 404)


def test_an_empty_name_is_refused_before_it_makes_another_path() -> None:
    model = load_service("lambda")
    with pytest.raises(AwsError, match="'FunctionName' failed to satisfy constraint"):
        calls.render_call(model, model.operations["DeleteFunction"], {"FunctionName": ""})
