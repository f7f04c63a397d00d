"""Errors in the languages of all of AWS's services, as botocore's own parsers read them."""

import botocore.parsers
import pytest
from botocore.model import ShapeResolver, StructureShape
from write_services_table import FILE, render, services

from ingle.protocol import AwsError, caller_of, service_name

ERROR = AwsError("NotImplemented", "No <such> thing & no \u00e9.", status=501)
SCOPE = "AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/{}/aws4_request, SignedHeaders=host, Signature=0"
SIGNS = {
    "query": {b"content-type": b"application/x-www-form-urlencoded; charset=utf-8"},
    "ec2": {b"content-type": b"application/x-www-form-urlencoded; charset=utf-8"},
    "json": {b"x-amz-target": b"Some.Operation", b"content-type": b"application/x-amz-json-1.0"},
    "smithy-rpc-v2-cbor": {b"smithy-protocol": b"rpc-v2-cbor"},
    "rest-json": {},
    "rest-xml": {},
}


def test_the_table_is_that_of_the_models() -> None:
    assert FILE.read_text() == render(), "run scripts/write_services_table.py"


@pytest.mark.parametrize(("service", "protocol"), [(name, row[0]) for name, row in services().items()])
def test_the_error_of_each_service_is_read_by_its_protocols_parser(service: str, protocol: str) -> None:
    headers = [(b"authorization", SCOPE.format(service).encode()), *SIGNS[protocol].items()]
    status, fields, body = caller_of(b"/", headers).render(ERROR, "the-id")
    parser = botocore.parsers.create_parser(protocol)
    shape = StructureShape("Nothing", {"type": "structure", "members": {}}, ShapeResolver({}))
    answer = {"status_code": status, "headers": {name.decode(): value.decode() for name, value in fields}, "body": body}
    told = parser.parse(answer, shape)["Error"]
    assert (told["Code"], told["Message"]) == (ERROR.code, ERROR.message)


def test_who_signs_in_the_query_is_known_by_its_scope() -> None:
    query = b"/?X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=0"
    assert caller_of(query, []).service == "s3"
    assert caller_of(b"/?Action=GetCallerIdentity", []).dialect.value == "query"
    assert caller_of(b"/", []).dialect.value == "rest-json"


def test_services_have_names() -> None:
    assert service_name("sqs") == "Amazon Simple Queue Service"
    assert service_name("nothing") is None
