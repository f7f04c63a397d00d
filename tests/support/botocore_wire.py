"""What botocore's own serializers send and its own parsers read, for the operations of a service."""

import dataclasses
import functools
from typing import Any
from urllib.parse import quote

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
from botocore.compat import urlencode

from ingle.protocol import Operation, json_rpc, load_service, rest_json
from ingle.protocol.rest_json import Answer, Header

PROTOCOLS = {"lambda": "rest-json", "logs": "json"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    method: str
    path: str
    query: str
    headers: list[Header]
    body: bytes


@functools.cache
def described(service: str) -> botocore.model.ServiceModel:
    document = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(document, service)


def send(service: str, operation: str, arguments: dict[str, Any]) -> Sent:
    """Serialise a request as botocore does."""
    model = described(service).operation_model(operation)
    serializer = botocore.serialize.create_serializer(PROTOCOLS[service], include_validation=False)
    made = serializer.serialize_to_request(arguments, model)
    path, _, fixed = made["url_path"].partition("?")
    query = made["query_string"]
    rest = urlencode(query, quote_via=quote, safe="-._~", doseq=True) if query else ""
    headers = [(name.lower().encode(), str(value).encode()) for name, value in made["headers"].items()]
    body = made["body"] if isinstance(made["body"], bytes) else made["body"].encode()
    return Sent(
        method=made["method"], path=path, query="&".join(filter(None, (fixed, rest))), headers=headers, body=body
    )


def receive(service: str, sent: Sent) -> tuple[Operation, dict[str, Any]]:
    """Find and parse a request as a front does; raises AwsError."""
    model = load_service(service)
    if model.target_prefix:
        operation = json_rpc.match_target(model, dict(sent.headers)[b"x-amz-target"])
        return operation, json_rpc.parse_request(model, operation, sent.body)
    found = model.match(sent.method, sent.path, sent.query)
    assert found is not None
    operation, labels = found
    return operation, rest_json.parse_request(model, operation, labels, sent.query, sent.headers, sent.body)


def read(service: str, operation: str, answer: Answer) -> dict[str, Any]:
    """Parse an answer as botocore does."""
    status, headers, body = answer
    shape = described(service).operation_model(operation).output_shape
    parser = botocore.parsers.create_parser(PROTOCOLS[service])
    fields = {name.decode(): value.decode() for name, value in headers}
    response = {"status_code": status, "headers": fields, "body": body}
    parsed: dict[str, Any] = parser.parse(response, shape)
    return parsed
