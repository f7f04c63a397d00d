"""Checks a decoded request against the constraints of its shape, in AWS's own words."""

import re
from functools import lru_cache
from typing import Any

from ingle.protocol.models import ServiceModel, Shape

# What Java's classes of characters are in Python's expressions: letters, numbers, separators. In every pattern of the
# models that has them, the underscore, which \w has too, is allowed as well.
_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\w", r"\p{Z}": " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"}
_NUMBERS = ("integer", "long", "float", "double")
_NOT_NULL = "Member must not be null"


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


def _fail(problems: list[str], shape: Shape, value: Any, path: str, constraint: str) -> None:
    problems.append(f"Value{_shown(shape, value)} at '{path}' failed to satisfy constraint: {constraint}")


def _shown(shape: Shape, value: Any) -> str:
    """Return a value as it stands in a message, in Java's way; what is secret is left out of it."""
    if shape.get("sensitive"):
        return ""
    if value is None:
        return " null"
    if isinstance(value, dict):
        value = "{" + ", ".join(f"{key}={item}" for key, item in value.items()) + "}"
    elif isinstance(value, list):
        value = "[" + ", ".join(map(str, value)) + "]"
    elif isinstance(value, bytes):
        value = "java.nio.HeapByteBuffer"
    return f" '{value}'"


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _check(model: ServiceModel, shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    kind = shape["type"]
    if kind == "structure":
        _check_structure(model, shape, value, path, problems)
    elif kind == "list":
        _check_list(model, shape, value, path, problems)
    elif kind == "map":
        _check_map(model, shape, value, path, problems)
    else:
        problems.extend(_scalar_problems(shape, value, path))


def _scalar_problems(shape: Shape, value: Any, path: str) -> list[str]:
    problems: list[str] = []
    if shape["type"] == "string":
        _check_string(shape, value, path, problems)
    elif shape["type"] in _NUMBERS:
        _check_range(shape, value, shape, value, path, problems, "have value")
    elif shape["type"] == "blob":
        _check_range(shape, len(value), shape, value, path, problems, "have length")
    return problems


def _check_structure(model: ServiceModel, shape: Shape, value: Any, path: str, problems: list[str]) -> None:
    required = shape.get("required", ())
    for name, member in shape.get("members", {}).items():
        below = f"{path}.{_lower(name)}" if path else _lower(name)
        held = value.get(name)
        if held is None:
            if name in required:
                _fail(problems, {}, None, below, _NOT_NULL)
            continue
        _check(model, model.shapes[member["shape"]], held, below, problems)


def _check_map(model: ServiceModel, shape: Shape, value: dict[str, Any], path: str, problems: list[str]) -> None:
    """Tell of bad keys, and of bad values that are texts or numbers, once for the whole map, as AWS does."""
    keys, values = model.shapes[shape["key"]["shape"]], model.shapes[shape["value"]["shape"]]
    if values["type"] == "double":
        value = {key: float(item) for key, item in value.items()}
    _check_range(shape, len(value), shape, value, path, problems, "have length")
    if any(_scalar_problems(keys, key, path) for key in value):
        _fail(problems, shape, value, path, f"Map keys must satisfy constraint: [{', '.join(_constraints(keys))}]")
    if values["type"] in ("structure", "list", "map"):
        for key, item in value.items():
            _check(model, values, item, f"{path}.{key}.member", problems)
    elif any(_scalar_problems(values, item, path) for item in value.values()):
        asked = [*_constraints(values), _NOT_NULL]
        _fail(problems, shape, value, path, f"Map value must satisfy constraint: [{', '.join(asked)}]")


def _check_list(model: ServiceModel, shape: Shape, value: list[Any], path: str, problems: list[str]) -> None:
    inner = model.shapes[shape["member"]["shape"]]
    shown_as = inner if inner.get("sensitive") else shape
    _check_range(shape, len(value), shown_as, value, path, problems, "have length")
    below: list[str] = []
    for at, item in enumerate(value):
        _check(model, inner, item, f"{path}.{at + 1}.member", below)
    if not below or inner["type"] != "string":
        problems.extend(below)
    elif inner.get("isCheckedApart"):  # told of the list as of a text
        _fail(problems, shown_as, value, path, ", ".join(_constraints(inner)))
    else:  # told once, of the list
        asked = [*_constraints(inner), _NOT_NULL]
        _fail(problems, shown_as, value, path, f"Member must satisfy constraint: [{', '.join(asked)}]")


def _constraints(shape: Shape) -> list[str]:
    """Return everything that is asked of a member of a list or a map, in AWS's order."""
    what = "have value" if shape["type"] in _NUMBERS else "have length"
    made = []
    if "max" in shape:
        made.append(f"{what} less than or equal to {shape['max']}")
    if "max" in shape or "min" in shape:
        made.append(f"{what} greater than or equal to {shape.get('min', 0)}")
    if "pattern" in shape:
        made.append(f"satisfy regular expression pattern: {shape['pattern']}")
    if "enum" in shape:
        made.append(f"satisfy enum value set: [{', '.join(shape['enum'])}]")
    return [f"Member must {constraint}" for constraint in made]


def _check_string(shape: Shape, value: str, path: str, problems: list[str]) -> None:
    if "enum" in shape and value not in shape["enum"]:
        _fail(problems, shape, value, path, f"Member must satisfy enum value set: [{', '.join(shape['enum'])}]")
    _check_range(shape, len(value), shape, value, path, problems, "have length")
    if "pattern" in shape:
        pattern = _pattern(shape["pattern"])
        if pattern is not None and pattern.fullmatch(value) is None:
            _fail(problems, shape, value, path, f"Member must satisfy regular expression pattern: {shape['pattern']}")


def _check_range(
    shape: Shape, measure: float, shown_as: Shape, value: Any, path: str, problems: list[str], what: str
) -> None:
    if "max" in shape and measure > shape["max"]:
        _fail(problems, shown_as, value, path, f"Member must {what} less than or equal to {shape['max']}")
    if "min" in shape and measure < shape["min"]:
        _fail(problems, shown_as, value, path, f"Member must {what} greater than or equal to {shape['min']}")
