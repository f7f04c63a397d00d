"""What a template says, as the API takes it: CloudFormation takes "128" where Lambda wants 128."""

from typing import Any

from ingle.cli.sam.intrinsics import TemplateError
from ingle.protocol import ServiceModel

_SCALARS: dict[str, Any] = {"integer": int, "long": int, "float": float, "double": float, "string": str}
_KINDS: dict[str, type] = {"structure": dict, "map": dict, "list": list}


def arguments_of(model: ServiceModel, operation: str, wanted: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return those of the wanted members that an operation takes, in its types, and the names of the others.

    Raises TemplateError where a member is no value of its kind.
    """
    left_out: list[str] = []
    taken = _coerce(model, str(model.operations[operation].input), wanted, "", left_out)
    return taken, left_out


def _coerce(model: ServiceModel, name: str, value: Any, path: str, left_out: list[str]) -> Any:
    """Return a value in the types of a shape; what is no number where one is wanted is left for the API to refuse."""
    shape = model.shapes[name]
    kind = shape["type"]
    if kind in _KINDS and not isinstance(value, _KINDS[kind]):
        raise TemplateError(f"{path} is not a {'list' if kind == 'list' else 'mapping'}")
    if kind == "structure":
        members = shape["members"]
        left_out += [_below(path, one) for one in value if one not in members]
        return {
            one: _coerce(model, members[one]["shape"], item, _below(path, one), left_out)
            for one, item in value.items()
            if one in members
        }
    if kind == "map":
        inner = shape["value"]["shape"]
        return {str(one): _coerce(model, inner, item, _below(path, str(one)), left_out) for one, item in value.items()}
    if kind == "list":
        return [_coerce(model, shape["member"]["shape"], item, path, left_out) for item in value]
    return _coerce_scalar(kind, value, path)


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _coerce_scalar(kind: str, value: Any, path: str) -> Any:
    if isinstance(value, dict | list):
        raise TemplateError(f"{path} is a single value")
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(value).lower(), value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    try:
        return _SCALARS[kind](value) if kind in _SCALARS else value
    except ValueError:
        return value
