"""Where AWS's answers are known to differ from what its service models say."""

from typing import Any


def _correct_lambda(shapes: dict[str, Any]) -> None:
    # Lambda itself looks at the runtime of a function, later than at shapes and in other words: it may be an ARN.
    shapes["FunctionRuntime"] = {"type": "string"}
    for name in ("CreateFunctionRequest", "UpdateFunctionConfigurationRequest"):
        shapes[name]["members"]["Runtime"] = {**shapes[name]["members"]["Runtime"], "shape": "FunctionRuntime"}
    # Those of a layer are told of before its architectures, and otherwise than members of lists are.
    shapes["LayerRuntime"] = {**shapes["Runtime"], "isCheckedApart": True}
    shapes["LayerRuntimes"] = {**shapes["CompatibleRuntimes"], "member": {"shape": "LayerRuntime"}}
    layer = shapes["PublishLayerVersionRequest"]
    first = {"CompatibleRuntimes": {**layer["members"]["CompatibleRuntimes"], "shape": "LayerRuntimes"}}
    rest = {name: member for name, member in layer["members"].items() if name not in first}
    layer["members"] = first | rest


_CORRECTIONS = {"lambda": _correct_lambda}


def correct(service: str, shapes: dict[str, Any]) -> None:
    """Change the shapes of a service's model as its answers are known to be."""
    if service in _CORRECTIONS:
        _CORRECTIONS[service](shapes)
