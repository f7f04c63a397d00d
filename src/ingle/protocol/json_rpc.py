"""The JSON 1.1 protocol, which CloudWatch Logs speaks: the operation is in X-Amz-Target, everything else in the body."""

from typing import Any

import msgspec

from ingle.protocol.errors import AwsError, validation_error
from ingle.protocol.models import Operation, ServiceModel
from ingle.protocol.rest_json import Answer
from ingle.protocol.validation import validate
from ingle.protocol.values_json import decode_document, from_json, to_json

_CONTENT_TYPE = (b"content-type", b"application/x-amz-json-1.1")


def match_target(model: ServiceModel, target: bytes) -> Operation:
    """Return the operation that an X-Amz-Target names. Raises AwsError UnknownOperationException."""
    prefix, _, name = target.decode("latin-1").partition(".")
    operation = model.operations.get(name)
    if prefix != model.target_prefix or operation is None:
        raise AwsError("UnknownOperationException", f"Unknown operation {target.decode('latin-1')!r}.", status=400)
    return operation


def parse_request(model: ServiceModel, operation: Operation, body: bytes) -> dict[str, Any]:
    """Read an operation's input. Raises AwsError SerializationException or InvalidParameterException."""
    if operation.input is None:
        return {}
    made: dict[str, Any] = from_json(model, model.shapes[operation.input], decode_document(body))
    problems = validate(model, operation.input, made)
    if problems:
        raise AwsError("InvalidParameterException", validation_error(problems).message)
    return made


def serialize(model: ServiceModel, operation: Operation, result: dict[str, Any]) -> Answer:
    """Render a result."""
    if operation.output is None:
        return 200, [_CONTENT_TYPE], b""
    return 200, [_CONTENT_TYPE], msgspec.json.encode(to_json(model, model.shapes[operation.output], result))


def render_error(error: AwsError, version: str = "1.1") -> Answer:
    """Render an error as the JSON protocols do: the code is in `__type`."""
    body = {"__type": error.code, "message": error.message, **error.fields}
    status = error.status if error.status != 404 else 400
    kind = (b"content-type", b"application/x-amz-json-" + version.encode())
    return status, [kind, (b"x-amzn-errortype", error.code.encode())], msgspec.json.encode(body)
