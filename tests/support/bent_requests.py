"""For each operation of the service model: a request that fits its shapes, and one for each way to break a constraint."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any

from botocore_wire import Sent, send

from ingle.protocol import ServiceModel, load_service

ACCOUNT = "arn:aws:{}:us-east-1:000000000000:{}"
# Texts that patterns may take, the first that does is used.
SAMPLES = (
    "bent",
    "1",
    "arn:aws:iam::000000000000:role/r",
    ACCOUNT.format("lambda", "function:bent"),
    ACCOUNT.format("lambda", "layer:bent:1"),
    ACCOUNT.format("lambda", "code-signing-config:csc-0123456789abcdefg"),
    ACCOUNT.format("lambda", "capacity-provider:bent"),
    ACCOUNT.format("lambda", "runtime/bent/version/1"),
    ACCOUNT.format("signer", "/signing-profiles/bent/0123456789"),
    ACCOUNT.format("elasticfilesystem", "access-point/fsap-" + "0" * 17),
    "lambda:GetLayerVersion",
    "lambda:InvokeFunction",
    "lambda.amazonaws.com",
    "subnet-1",
    "sg-1",
    "o-0123456789",
    "0" * 12,
    "localhost:9092",
    "/mnt/bent",
    "00000000-0000-0000-0000-000000000000",
    "https://bent",
    ACCOUNT.format("lambda", "function:bent:1") + "/durable-execution/bent/1",
)
UNFIT = ("a b", "\u00e9", "\n", "", "!!")
_LONG = 20_000
"""A longer text would be too long for the request rather than for the member."""


class NoSampleError(Exception):
    """None of SAMPLES fits a pattern."""


def _pattern(shape: dict[str, Any]) -> re.Pattern[str] | None:
    try:
        return re.compile(shape["pattern"]) if "pattern" in shape else None
    except re.error:  # an expression of Java's constrains nothing here
        return None


def _fits(shape: dict[str, Any], text: str) -> bool:
    pattern = _pattern(shape)
    is_long_enough = shape.get("min", 0) <= len(text) <= shape.get("max", len(text))
    return is_long_enough and (pattern is None or pattern.fullmatch(text) is not None)


class Shapes:
    """The shapes of a model as values of JSON."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model

    def of(self, reference: dict[str, Any]) -> dict[str, Any]:
        return self._model.shapes[reference["shape"]]

    def sample(self, shape: dict[str, Any]) -> Any:
        """Return a value that fits, as small as may be. Raises NoSampleError."""
        match shape["type"]:
            case "structure":
                members = shape.get("members", {})
                return {
                    members[name].get("locationName", name): self.sample(self.of(members[name]))
                    for name in shape.get("required", ())
                }
            case "list":
                return [self.sample(self.of(shape["member"]))] * shape.get("min", 0)
            case "map":
                return {}
            case "string":
                return self._sample_text(shape)
            case "blob":
                return base64.b64encode(b"bent").decode()
            case "boolean":
                return False
            case _:
                return max(shape.get("min", 1), 1)

    def _sample_text(self, shape: dict[str, Any]) -> str:
        if "enum" in shape:
            return str(shape["enum"][0])
        for text in (*SAMPLES, "x" * shape.get("min", 0)):
            if _fits(shape, text):
                return text
        raise NoSampleError(shape)

    def bent(self, shape: dict[str, Any], depth: int = 0) -> Iterator[Any]:
        """Yield values that break one constraint each."""
        match shape["type"]:
            case "structure":
                yield []
                if depth < 6:
                    yield from self._bent_structure(shape, depth)
            case "list":
                yield "bent"
                yield from self._bent_list(shape, depth)
            case "map":
                yield "bent"
                key = self.sample(self.of(shape["key"]))
                yield from ({key: bad} for bad in self.bent(self.of(shape["value"]), depth + 1))
                yield from (
                    {bad: self.sample(self.of(shape["value"]))} for bad in self.unfit_texts(self.of(shape["key"]))
                )
            case "string":
                yield {}
                yield from self.unfit_texts(shape)
            case "blob":
                yield from (5, "***")
            case "boolean":
                yield "perhaps"
            case _:
                yield "many"
                yield from self.unfit_numbers(shape)

    def _bent_structure(self, shape: dict[str, Any], depth: int) -> Iterator[Any]:
        whole = self.sample(shape)
        for name, member in shape.get("members", {}).items():
            wire = member.get("locationName", name)
            if name in shape.get("required", ()):
                yield {key: value for key, value in whole.items() if key != wire}
            yield from ({**whole, wire: bad} for bad in self.bent(self.of(member), depth + 1))

    def _bent_list(self, shape: dict[str, Any], depth: int) -> Iterator[Any]:
        inner = self.of(shape["member"])
        if shape.get("min", 0) > 0:
            yield []
        if "max" in shape:
            yield [self.sample(inner)] * (shape["max"] + 1)
        yield from ([bad] for bad in self.bent(inner, depth + 1))

    def unfit_texts(self, shape: dict[str, Any]) -> Iterator[str]:
        if "enum" in shape:
            yield "Bent"
        if shape.get("max", _LONG) < _LONG:
            yield "x" * (shape["max"] + 1)
        yield from (text for text in UNFIT if not _fits(shape, text))

    def unfit_numbers(self, shape: dict[str, Any]) -> Iterator[int]:
        if "min" in shape:
            yield int(shape["min"]) - 1
        if "max" in shape:
            yield int(shape["max"]) + 1


def bent_requests(name: str) -> Iterator[Sent]:
    """Yield requests for an operation of Lambda that break one constraint each. Raises NoSampleError."""
    model = load_service("lambda")
    shapes, input_name = Shapes(model), model.operations[name].input
    if input_name is None:
        return
    shape = model.shapes[input_name]
    members = shape.get("members", {})
    whole = {key: shapes.sample(shapes.of(members[key])) for key in shape.get("required", ()) if key != "Payload"}
    inside = {key: value for key, value in whole.items() if "location" not in members[key]}
    outside = {key: value for key, value in whole.items() if "location" in members[key]}
    for key, member in members.items():
        inner = shapes.of(member)
        is_required = key in shape.get("required", ())
        match member.get("location"):
            case None if key != shape.get("payload") or inner["type"] != "blob":
                yield from _bent_bodies(shapes, name, key, member, is_required, inside, outside)
            case "uri" | "querystring" | "header" as location:
                yield from _bent_heads(shapes, name, key, inner, location, whole, is_required)


def _bent_bodies(
    shapes: Shapes,
    name: str,
    key: str,
    member: dict[str, Any],
    is_required: bool,
    inside: dict[str, Any],
    outside: dict[str, Any],
) -> Iterator[Sent]:
    sent = send("lambda", name, outside)
    bodies = [{**inside, member.get("locationName", key): bad} for bad in shapes.bent(shapes.of(member))]
    if is_required:
        bodies.append({other: value for other, value in inside.items() if other != key})
    for body in bodies:
        yield Sent(
            method=sent.method, path=sent.path, query=sent.query, headers=sent.headers, body=json.dumps(body).encode()
        )


def _bent_heads(
    shapes: Shapes, name: str, key: str, shape: dict[str, Any], location: str, whole: dict[str, Any], is_required: bool
) -> Iterator[Sent]:
    if is_required and location != "uri":
        yield send("lambda", name, {other: value for other, value in whole.items() if other != key})
    bad: list[Any] = []
    if shape["type"] == "string":
        bad = [
            text
            for text in shapes.unfit_texts(shape)
            if location == "querystring"
            or (text and text.isascii() and "\n" not in text)
            or (location == "uri" and text)
        ]
    elif shape["type"] in ("integer", "long"):
        bad = ["many", *shapes.unfit_numbers(shape)]
    yield from (send("lambda", name, {**whole, key: value}) for value in bad)
