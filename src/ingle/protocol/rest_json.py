"""The REST-JSON protocol, which Lambda speaks: requests to values, results and errors to responses."""

import re
from typing import Any

import msgspec

from ingle.protocol.errors import AwsError, validation_error
from ingle.protocol.models import Operation, ServiceModel, Shape
from ingle.protocol.sigv4 import read_query
from ingle.protocol.validation import validate
from ingle.protocol.values_json import decode_document, from_json, to_json

Header = tuple[bytes, bytes]
Answer = tuple[int, list[Header], bytes]

_NUMBER = re.compile(r"-?[0-9]{1,19}")
_JSON = (b"content-type", b"application/json")


def parse_request(
    model: ServiceModel, operation: Operation, labels: dict[str, str], query: str, headers: list[Header], body: bytes
) -> dict[str, Any]:
    """Gather an operation's input from where its model puts each member.

    Raises AwsError: SerializationException for what can't be read, ValidationException for what breaks a constraint.
    """
    if operation.input is None:
        return {}
    shape = model.shapes[operation.input]
    arguments: dict[str, list[str]] = {}
    for name, value in read_query(query.encode("latin-1", "replace")):
        arguments.setdefault(name, []).append(value)
    fields = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(headers)}
    made: dict[str, Any] = {}
    document: dict[str, Any] | None = None
    payload = shape.get("payload")
    for name, member in shape.get("members", {}).items():
        inner = model.shapes[member["shape"]]
        wire = member.get("locationName", name)
        match member.get("location"):
            case "uri":
                held: Any = labels.get(wire)
            case "querystring":
                held = arguments.get(wire)
                if held is not None and len(held) > 1 and inner["type"] != "list":
                    raise AwsError("SerializationException", f"The parameter '{wire}' must be given only once.")
            case "header":
                held = [fields[wire.lower()]] if wire.lower() in fields else None
            case _ if name == payload and inner["type"] == "blob":
                made[name] = body
                continue
            case _:
                document = decode_document(body) if document is None else document
                held = document.get(wire) if name != payload else document
                if held is not None:
                    made[name] = from_json(model, inner, held)
                continue
        if held is not None:
            made[name] = _from_text(model, inner, held)
    problems = validate(model, operation.input, made)
    if problems:
        raise validation_error(problems)
    return made


def _from_text(model: ServiceModel, shape: Shape, held: str | list[str]) -> Any:
    """Read a member of the path, the query or a header."""
    if shape["type"] == "list":
        inner = model.shapes[shape["member"]["shape"]]
        return [_from_text(model, inner, item) for item in held]
    text = held if isinstance(held, str) else held[0]
    match shape["type"]:
        case "integer" | "long":
            if _NUMBER.fullmatch(text) is None or not -(2**63) <= int(text) < 2**63:
                raise AwsError("SerializationException", f"'{text}' can not be converted to a number.")
            return int(text)
        case "timestamp":
            return from_json(model, shape, text)
        case "boolean":
            if text not in ("true", "false"):
                raise AwsError("SerializationException", f"'{text}' can not be converted to a boolean.")
            return text == "true"
        case _:
            return text


def serialize(
    model: ServiceModel, operation: Operation, result: dict[str, Any], *, status: int | None = None
) -> Answer:
    """Render a result; `status` overrides the model's where AWS answers with another."""
    code = status if status is not None else operation.status
    headers: list[Header] = []
    if operation.output is None or code == 204:
        return code, headers, b""
    shape = model.shapes[operation.output]
    plain = dict(result)
    for name, member in shape.get("members", {}).items():
        if member.get("location") == "header" and name in plain:
            headers.append((member["locationName"].lower().encode(), str(plain.pop(name)).encode()))
        elif member.get("location") == "statusCode":
            code = plain.pop(name, code)
    headers.append(_JSON)
    return code, headers, msgspec.json.encode(to_json(model, shape, plain))


def render_error(error: AwsError) -> Answer:
    """Render an error as Lambda does: status, x-amzn-ErrorType, JSON body.

    A caller of the management API is told when to try again. An invocation that finds no concurrency is not.
    """
    headers = [_JSON, (b"x-amzn-errortype", error.code.encode())]
    if error.fields.get("Reason") == "CallerRateLimitExceeded":
        headers.append((b"retry-after", b"1"))
    return error.status, headers, msgspec.json.encode(error.body())
