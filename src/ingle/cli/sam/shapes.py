"""What a template says, as the API takes it: CloudFormation takes "128" where Lambda wants 128."""

from typing import Any

_SCALARS: dict[str, Any] = {"integer": int, "long": int, "float": float, "double": float, "string": str}


def arguments_of(client: Any, operation: str, wanted: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return those of the wanted members that an operation takes, in its types, and the names of the others."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    taken = {name: coerce(value, shape.members[name]) for name, value in wanted.items() if name in shape.members}
    return taken, [name for name in wanted if name not in shape.members]


def coerce(value: Any, shape: Any) -> Any:
    """Return a value in the types of a shape; what can't be is left for the API to refuse."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = shape.members
        return {name: coerce(item, members[name]) if name in members else item for name, item in value.items()}
    if kind == "map" and isinstance(value, dict):
        return {str(name): coerce(item, shape.value) for name, item in value.items()}
    if kind == "list" and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if kind == "boolean":
        return {"true": True, "false": False}.get(str(value).lower(), value)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    try:
        return _SCALARS[kind](value) if kind in _SCALARS and not isinstance(value, dict | list) else value
    except ValueError:
        return value
