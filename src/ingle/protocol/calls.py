"""The caller's side of both protocols: members to a signed request, and an answer to a result or an error."""

import dataclasses
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import quote

import msgspec

from ingle.protocol import sigv4
from ingle.protocol.errors import AwsError, validation_error
from ingle.protocol.models import Operation, ServiceModel, Shape
from ingle.protocol.values_json import from_json, to_json

_JSON_RPC = b"application/x-amz-json-1.1"
_REFUSED = 300


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that is not signed yet; `target` is as it goes over the wire."""

    method: str
    target: str
    headers: list[sigv4.Header] = dataclasses.field(default_factory=list)
    body: bytes = b""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """What a caller signs with."""

    key_id: str
    secret: str = dataclasses.field(repr=False)


def render_call(model: ServiceModel, operation: Operation, values: dict[str, Any]) -> Call:
    """Put each member where the model wants it. Raises AwsError for a part of the path that is empty."""
    shape: Shape = model.shapes[operation.input] if operation.input is not None else {"type": "structure"}
    if model.target_prefix:
        named = (b"x-amz-target", f"{model.target_prefix}.{operation.name}".encode())
        body = msgspec.json.encode(to_json(model, shape, values))
        return Call(method="POST", target="/", headers=[(b"content-type", _JSON_RPC), named], body=body)
    path, _, fixed = operation.uri.partition("?")
    query = [fixed] if fixed else []
    headers: list[sigv4.Header] = []
    rest: dict[str, Any] = {}
    for name, value in values.items():
        member = shape["members"].get(name, {})
        wire = member.get("locationName", name)
        match member.get("location"):
            case "uri":
                path = path.replace(f"{{{wire}}}", _label(name, str(value)))
            case "querystring":
                items = value if isinstance(value, list) else [value]
                query += [f"{quote(wire, safe='')}={quote(_text(item), safe='')}" for item in items]
            case "header":
                headers.append((wire.lower().encode(), _text(value).encode()))
            case _:
                rest[name] = value
    target = path + (f"?{'&'.join(query)}" if query else "")
    return Call(method=operation.method, target=target, headers=headers, body=_body(model, shape, rest))


def _label(name: str, value: str) -> str:
    if not value:
        raise validation_error([f"Value at '{name}' failed to satisfy constraint: Member must not be empty"])
    return quote(value, safe="")


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _body(model: ServiceModel, shape: Shape, rest: dict[str, Any]) -> bytes:
    payload = shape.get("payload")
    if payload is not None:
        return bytes(rest.get(payload, b""))
    return msgspec.json.encode(to_json(model, shape, rest)) if rest else b""


def sign(call: Call, host: str, key: AccessKey, region: str, service: str, now_s: float) -> list[sigv4.Header]:
    """Return the headers of a call to `host`, signed."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    headers = [(b"host", host.encode()), (b"x-amz-date", stamp.encode()), *call.headers]
    signed = sigv4.SignedRequest(
        access_key_id=key.key_id,
        date=stamp[:8],
        region=region,
        service=service,
        timestamp=stamp,
        signed_headers=tuple(sorted(name for name, _ in headers)),
        signature=b"",
    )
    digest = hashlib.sha256(call.body).hexdigest()
    canonical = sigv4.canonical_request(signed, call.method.encode(), call.target.encode(), sorted(headers), digest)
    derived = sigv4.derive_signing_key(key.secret, signed.date, region, service)
    signature = hmac.digest(derived, sigv4.string_to_sign(signed, canonical), "sha256").hex()
    names = ";".join(name.decode() for name in signed.signed_headers)
    value = f"AWS4-HMAC-SHA256 Credential={key.key_id}/{signed.scope}, SignedHeaders={names}, Signature={signature}"
    return [*headers, (b"authorization", value.encode())]


def read_result(
    model: ServiceModel, operation: Operation, status: int, headers: dict[str, str], body: bytes
) -> dict[str, Any]:
    """Return the members of an answer; `headers` are by lower-case name. Raises AwsError where it is a refusal."""
    if status >= _REFUSED:
        raise read_error(status, headers, body)
    if operation.output is None:
        return {}
    shape = model.shapes[operation.output]
    members = shape.get("members", {})
    payload = shape.get("payload")
    made: dict[str, Any] = {}
    if payload is not None:
        made[payload] = body
    elif body:
        made = from_json(model, shape, json.loads(body))
    for name, member in members.items():
        if member.get("location") == "header" and member["locationName"].lower() in headers:
            made[name] = headers[member["locationName"].lower()]
        elif member.get("location") == "statusCode":
            made[name] = status
    return made


def read_error(status: int, headers: dict[str, str], body: bytes) -> AwsError:
    """Return the error that an answer tells of, by its code, in either protocol."""
    try:
        told = json.loads(body)
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    code = headers.get("x-amzn-errortype") or told.get("__type") or f"HTTP {status}"
    message = told.get("message") or told.get("Message") or f"the answer is {status}"
    return AwsError(str(code).partition(":")[0], str(message), status=status)
