"""The languages of AWS's services, as far as it takes to tell a caller of any of them of an error.

A request says mostly by itself which it speaks: by its headers, or by the form that it sends. What says nothing speaks what
its service's model names (`aws_services.json`, which `scripts/write_services_table.py` makes of all models of AWS).
"""

import dataclasses
import enum
import json
import re
from functools import cache
from pathlib import Path

from ingle.protocol import json_rpc, query_xml, rest_json
from ingle.protocol.errors import AwsError
from ingle.protocol.rest_json import Answer, Header

_TABLE = Path(__file__).with_name("aws_services.json")
_SLASH = rb"(?:/|%2F)"
_SCOPE = re.compile(
    rb"Credential=[^/,&%]+" + _SLASH + rb"\d{8}" + _SLASH + rb"[a-z0-9-]+" + _SLASH + rb"([A-Za-z0-9.-]{1,64})" + _SLASH
)
_FORM = b"application/x-www-form-urlencoded"
_HERE = frozenset({"", "lambda", "logs"})
"""Services whose callers get answers all the time, and no service: for these nothing is looked up."""


class Dialect(enum.Enum):
    """A language for errors, by the name that service models have for the protocol."""

    REST_JSON = "rest-json"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"
    REST_XML = "rest-xml"
    CBOR = "smithy-rpc-v2-cbor"


@cache
def _services() -> dict[str, list[str]]:
    """Return protocol and name of each service, read when the first caller of one comes that is not here."""
    return dict(json.loads(_TABLE.read_text()))


def service_name(service: str) -> str | None:
    """Return the name of a service of AWS by its signing name, None where there is no such service."""
    return _services()[service][1] if service in _services() else None


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as far as it matters for telling them of an error."""

    dialect: Dialect
    service: str
    """The signing name of the service that is meant; "" where the request names none."""
    json_version: str = "1.1"

    def render(self, error: AwsError, request_id: str) -> Answer:
        """Render an error so that the caller's client reads its code and message."""
        match self.dialect:
            case Dialect.JSON:
                return json_rpc.render_error(error, self.json_version)
            case Dialect.CBOR:
                headers = [(b"content-type", b"application/cbor"), (b"smithy-protocol", b"rpc-v2-cbor")]
                return error.status, headers, _cbor({"__type": error.code, "message": error.message})
            case Dialect.EC2:
                return query_xml.render_ec2_error(error, request_id)
            case Dialect.REST_XML if self.service == "s3":
                return query_xml.render_s3_error(error, request_id)
            case Dialect.QUERY | Dialect.REST_XML:
                return query_xml.render_error(error, request_id)
        return rest_json.render_error(error)


def caller_of(target: bytes, headers: list[Header]) -> Caller:
    """Return who sent a request, by what it says itself or by the service that its signature is for."""
    fields = dict(reversed(headers))
    query = target.partition(b"?")[2]
    scope = _SCOPE.search(fields.get(b"authorization", query))
    service = scope[1].decode() if scope is not None else ""
    kind = fields.get(b"content-type", b"")
    if fields.get(b"smithy-protocol") == b"rpc-v2-cbor":
        return Caller(Dialect.CBOR, service)
    if b"x-amz-target" in fields:
        return Caller(Dialect.JSON, service, "1.0" if kind.endswith(b"1.0") else "1.1")
    is_form = kind.startswith(_FORM) or query.startswith(b"Action=") or b"&Action=" in query
    if service in _HERE and not is_form:
        return Caller(Dialect.REST_JSON, service)
    named = Dialect(_services()[service][0]) if service in _services() else Dialect.REST_JSON
    if is_form:
        return Caller(Dialect.EC2 if named is Dialect.EC2 else Dialect.QUERY, service)
    return Caller(named if named is Dialect.REST_XML else Dialect.REST_JSON, service)


def _cbor(members: dict[str, str]) -> bytes:
    """Return a map of texts as CBOR (RFC 8949, 3.1)."""
    pieces = [bytes([0xA0 | len(members)])]
    for text in (part for pair in members.items() for part in pair):
        encoded = text.encode()
        pieces += [b"\x79", len(encoded).to_bytes(2, "big"), encoded]
    return b"".join(pieces)
