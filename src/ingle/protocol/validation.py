"""Checks a decoded request against the constraints of its shape, in AWS's own words."""

import re
from functools import lru_cache
from typing import Any

from ingle.protocol.models import ServiceModel, Shape

# What Java's classes of characters are in Python's expressions: letters, numbers, separators. In every pattern of the
# models that has them, the underscore, which \w has too, is allowed as well.
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"}


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str] | None:
    for theirs, ours in _CLASSES.items():
        text = text.replace(theirs, ours)
    try:
        return re.compile(text)
    except re.error:  # a Java expression that Python can't read constrains nothing here
        return None


def validate(model: ServiceModel, shape_name: str, value: Any) -> list[str]:
    """Return the problems of `value`, each as AWS writes it; an empty list where there is none."""
    problems: list[str] = []
    _check(model, model.shapes[shape_name], value, "", problems)
    return problems


def check_text(shape: Shape, value: str, path: str) -> list[str]:
    """Return the problems of a text that is there without the rest of a request."""
    problems: list[str] = []
    _check_string(shape, value, path, problems)
    return problems


def _fail(problems: list[str], value: Any, path: str, constraint: str) -> None:
    shown = "null" if value is None else f"'{value}'"
    problems.append(f"Value {shown} at '{path}' failed to satisfy constraint: Member must {constraint}")


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _check(model: ServiceModel, shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    kind = shape["type"]
    if kind == "structure":
        _check_structure(model, shape, value, path, problems)
    elif kind == "list":
        _check_list(model, shape, value, path, problems)
    elif kind == "map":
        _check_range(shape, len(value), value, path, problems, "have length")
        for key, item in value.items():
            _check(model, model.shapes[shape["key"]["shape"]], key, path, problems)
            _check(model, model.shapes[shape["value"]["shape"]], item, f"{path}.{key}.member", problems)
    elif kind == "string":
        _check_string(shape, value, path, problems)
    elif kind in ("integer", "long", "float", "double"):
        _check_range(shape, value, value, path, problems, "have value")
    elif kind == "blob":
        _check_range(shape, len(value), "java.nio.HeapByteBuffer", path, problems, "have length")


def _check_structure(model: ServiceModel, shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    required = shape.get("required", ())
    for name, member in shape.get("members", {}).items():
        below = f"{path}.{_lower(name)}" if path else _lower(name)
        held = value.get(name)
        if held is None:
            if name in required:
                _fail(problems, None, below, "not be null")
            continue
        _check(model, model.shapes[member["shape"]], held, below, problems)


def _check_list(model: ServiceModel, shape: Shape, value: list[Any], path: str, problems: list[str]) -> None:
    inner = model.shapes[shape["member"]["shape"]]
    shown = "***" if inner.get("sensitive") else f"[{', '.join(map(str, value))}]"
    _check_range(shape, len(value), shown, path, problems, "have length")
    below: list[str] = []
    for at, item in enumerate(value):
        _check(model, inner, item, f"{path}.{at + 1}.member", below)
    if below and inner["type"] == "string":  # told once, of the list
        _fail(problems, shown, path, f"satisfy constraint: [{', '.join(_string_constraints(inner))}]")
    else:
        problems.extend(below)


def _string_constraints(shape: Shape) -> list[str]:
    """Return everything that is asked of a member of a list, in AWS's order."""
    made = []
    if "max" in shape:
        made.append(f"have length less than or equal to {shape['max']}")
    if "max" in shape or "min" in shape:
        made.append(f"have length greater than or equal to {shape.get('min', 0)}")
    if "pattern" in shape:
        made.append(f"satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape:
        made.append(f"satisfy enum value set: [{', '.join(shape['enum'])}]")
    return [f"Member must {constraint}" for constraint in (*made, "not be null")]


def _check_string(shape: Shape, value: str, path: str, problems: list[str]) -> None:
    shown = "***" if shape.get("sensitive") else value
    if "enum" in shape and value not in shape["enum"]:
        _fail(problems, shown, path, f"satisfy enum value set: [{', '.join(shape['enum'])}]")
    _check_range(shape, len(value), shown, path, problems, "have length")
    if "pattern" in shape:
        pattern = _pattern(shape["pattern"])
        if pattern is not None and pattern.fullmatch(value) is None:
            _fail(problems, shown, path, f"satisfy regular expression pattern: {shape['pattern']}")


def _check_range(shape: Shape, measure: float, shown: Any, path: str, problems: list[str], what: str) -> None:
    if "max" in shape and measure > shape["max"]:
        _fail(problems, shown, path, f"{what} less than or equal to {shape['max']}")
    if "min" in shape and measure < shape["min"]:
        _fail(problems, shown, path, f"{what} greater than or equal to {shape['min']}")
