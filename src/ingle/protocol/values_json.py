"""JSON values to and from the types that a model's shapes have."""

import base64
import datetime
import math
from typing import Any

import msgspec

from ingle.protocol.errors import AwsError
from ingle.protocol.models import ServiceModel, Shape

_decoder = msgspec.json.Decoder()


def decode_document(body: bytes) -> dict[str, Any]:
    """Decode a JSON object; an empty body is an empty one. Raises AwsError SerializationException."""
    if not body:
        return {}
    try:
        document = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AwsError("SerializationException", "Could not parse request body into json.") from None
    if not isinstance(document, dict):
        raise AwsError("SerializationException", "Start of structure or map found where not expected.")
    return document


def from_json(model: ServiceModel, shape: Shape, value: Any) -> Any:
    """Turn a decoded JSON value into what its shape says; unknown members are dropped, as AWS does.

    Raises AwsError SerializationException where the JSON type is another.
    """
    kind = shape["type"]
    reader = _READERS.get(kind)
    if reader is None:
        raise _mismatch(value)
    return reader(model, shape, value)


def _mismatch(value: Any) -> AwsError:
    names = {bool: "TRUE_VALUE", str: "STRING_VALUE", int: "NUMBER_VALUE", float: "DECIMAL_VALUE", dict: "START_OBJECT"}
    return AwsError("SerializationException", f"{names.get(type(value), 'START_ARRAY')} can not be converted.")


def _read_structure(model: ServiceModel, shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _mismatch(value)
    made = {}
    for name, member in shape.get("members", {}).items():
        held = value.get(member.get("locationName", name))
        if held is not None:
            made[name] = from_json(model, model.shapes[member["shape"]], held)
    return made


def _read_list(model: ServiceModel, shape: Shape, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _mismatch(value)
    inner = model.shapes[shape["member"]["shape"]]
    return [from_json(model, inner, item) for item in value if item is not None]


def _read_map(model: ServiceModel, shape: Shape, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _mismatch(value)
    inner = model.shapes[shape["value"]["shape"]]
    return {key: from_json(model, inner, item) for key, item in value.items() if item is not None}


def _read_string(model: ServiceModel, shape: Shape, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        raise _mismatch(value)
    return value


def _read_integer(model: ServiceModel, shape: Shape, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        raise _mismatch(value)
    return value


def _read_number(model: ServiceModel, shape: Shape, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _mismatch(value)
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        raise _mismatch(value) from None
    if not math.isfinite(number):
        raise _mismatch(value)
    return number


def _read_boolean(model: ServiceModel, shape: Shape, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value)
    return value


def _read_blob(model: ServiceModel, shape: Shape, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _mismatch(value)
    try:
        return msgspec.convert(value, bytes)  # base64, as strict as base64.b64decode and four times as fast
    except msgspec.ValidationError:
        raise AwsError("SerializationException", "A blob is not valid base64.") from None


def _read_timestamp(model: ServiceModel, shape: Shape, value: Any) -> float:
    if isinstance(value, str):
        try:
            moment = datetime.datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
        except (ValueError, OverflowError):
            raise _mismatch(value) from None
    return _read_number(model, shape, value)


_READERS = {
    "structure": _read_structure,
    "list": _read_list,
    "map": _read_map,
    "string": _read_string,
    "integer": _read_integer,
    "long": _read_integer,
    "float": _read_number,
    "double": _read_number,
    "boolean": _read_boolean,
    "blob": _read_blob,
    "timestamp": _read_timestamp,
}


def to_json(model: ServiceModel, shape: Shape, value: Any) -> Any:
    """Turn a result into what JSON holds for its shape: blobs in base64, None left out.

    Raises RuntimeError for a member that the shape doesn't have: a mistake of ours.
    """
    kind = shape["type"]
    if kind == "structure":
        members = shape.get("members", {})
        unknown = value.keys() - members.keys()
        if unknown:
            raise RuntimeError(f"the shape has no members {sorted(unknown)}")
        return {
            members[name].get("locationName", name): to_json(model, model.shapes[members[name]["shape"]], held)
            for name, held in value.items()
            if held is not None
        }
    if kind == "list":
        return [to_json(model, model.shapes[shape["member"]["shape"]], item) for item in value]
    if kind == "map":
        return {key: to_json(model, model.shapes[shape["value"]["shape"]], item) for key, item in value.items()}
    return base64.b64encode(value).decode() if kind == "blob" else value
