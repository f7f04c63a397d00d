"""Checks every answer to a boto3 client against the service model, from the bytes that came: botocore drops what it doesn't know.

A response has no member that its shape lacks, every member that the shape requires, and values within each constraint; an
error is one that the operation declares, or of a family that no operation does, with the members of its shape.
"""

import json
import re
from typing import Any

# What AWS answers with and no operation declares: shape validation, authentication, and what concerns HTTP.
UNDECLARED = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidRequestException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotImplementedException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ServiceUnavailableException",
        "UnknownOperationException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)
# Values outside their enumeration that AWS itself has been recorded to send (API reference, section 6).
RECORDED = {"LastUpdateStatusReasonCode": {"Creating"}}
# Answers that AWS leaves without members though the model requires some (API reference, section 2).
RECORDED_EMPTY = {"GetFunctionCodeSigningConfig"}
_JSON_TYPES: dict[str, Any] = {
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "string": str,
    "blob": str,
    "timestamp": (int, float),
}


def check_answer(model: Any, http_response: Any, **_: Any) -> None:
    """Raise AssertionError for an answer that AWS's model doesn't allow; a handler of botocore's `after-call`."""
    status = http_response.status_code
    if model.metadata.get("protocol") == "query":  # XML, which botocore's own parser checks
        return
    if status >= 300:
        _check_error(model, status, http_response)
        return
    allowed = {model.http.get("responseCode", 200)} | ({204} if model.name == "DeleteFunction" else set())
    if model.name not in ("Invoke", "InvokeWithResponseStream"):  # whose status is a member of the output
        assert status in allowed, f"{model.name} answered {status}"
    if model.output_shape is None or model.has_streaming_output or model.has_event_stream_output or status == 204:
        return
    answer = json.loads(http_response.content or b"{}")
    if answer or model.name not in RECORDED_EMPTY:
        check(model.output_shape, answer, model.name)


def _check_error(model: Any, status: int, answer: Any) -> None:
    if model.service_model.metadata["protocol"] != "rest-json":
        return
    code = answer.headers["x-amzn-errortype"]
    body = json.loads(answer.content)
    declared = {shape.name: shape for shape in model.error_shapes}
    assert code in declared or code in UNDECLARED, f"{model.name} declares no {code}: {body}"
    if code in declared:
        shape = declared[code]
        assert status == shape.metadata["error"]["httpStatusCode"], f"{code} with {status}"
        check(shape, body, code)


def check(shape: Any, value: Any, path: str) -> None:
    """Raise AssertionError where a decoded JSON value isn't one of its shape."""
    if shape.type_name == "structure":
        _check_structure(shape, value, path)
    elif shape.type_name == "list":
        assert isinstance(value, list), f"{path} is no list"
        _check_range(shape, len(value), path)
        for at, item in enumerate(value):
            check(shape.member, item, f"{path}[{at}]")
    elif shape.type_name == "map":
        assert isinstance(value, dict), f"{path} is no map"
        for key, item in value.items():
            check(shape.key, key, f"{path}.{key}")
            check(shape.value, item, f"{path}.{key}")
    else:
        _check_scalar(shape, value, path)


def _check_structure(shape: Any, value: Any, path: str) -> None:
    assert isinstance(value, dict), f"{path} is no structure"
    inside = {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }
    assert value.keys() <= inside.keys(), f"{path} has no members {sorted(value.keys() - inside.keys())}"
    for wire, (name, member) in inside.items():
        if wire in value:
            check(member, value[wire], f"{path}.{wire}")
        else:
            assert name not in shape.required_members, f"{path} lacks {wire}"


def _check_scalar(shape: Any, value: Any, path: str) -> None:
    kind = shape.type_name
    iso = kind == "timestamp" and shape.serialization.get("timestampFormat") == "iso8601"
    assert isinstance(value, str if iso else _JSON_TYPES[kind]), f"{path} is {value!r}, no {kind}"
    assert isinstance(value, bool) == (kind == "boolean"), f"{path} is {value!r}, no {kind}"
    _check_range(shape, len(value) if isinstance(value, str) else value, path)
    enum, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    if enum:
        assert value in enum or value in RECORDED.get(shape.name, ()), f"{path} is {value!r}, none of {enum}"
    if pattern and "\\p{" not in pattern:  # classes of Unicode, which Python's expressions haven't
        assert re.fullmatch(pattern, value), f"{path} is {value!r}, not {pattern}"


def _check_range(shape: Any, measure: float, path: str) -> None:
    least, most = shape.metadata.get("min", measure), shape.metadata.get("max", measure)
    assert least <= measure <= most, f"{path} measures {measure}, not {least} to {most}"
