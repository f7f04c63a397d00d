"""CloudFormation's intrinsic functions and conditions, as far as a template of Lambda resources needs them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference.html
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ingle.values import IngleError

Document = dict[str, Any]
_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")
_NO_VALUE = object()


class TemplateError(IngleError):
    """A template, or a value for it, that can't be understood; the text is for who wrote it."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Scope:
    """What the names in a template stand for: parameters and what has been made so far, by name or name.attribute."""

    values: dict[str, Any]
    resources: Mapping[str, Document]
    mappings: Document = dataclasses.field(default_factory=dict)
    conditions: Document = dataclasses.field(default_factory=dict)


def references(value: Any) -> Iterator[str]:
    """Yield every name that a value refers to, without attributes."""
    if isinstance(value, list):
        for item in value:
            yield from references(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield str(item)
            elif key == "Fn::GetAtt":
                yield _attribute(item)[0]
            elif key == "Fn::Sub":
                text, own = _substitution(item)
                yield from (name.partition(".")[0] for name in _VARIABLE.findall(text) if name not in own)
                yield from references(own)
            else:
                yield from references(item)


def _attribute(given: Any) -> tuple[str, str]:
    parts = given.split(".", 1) if isinstance(given, str) else given
    if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
        raise TemplateError(f"Fn::GetAtt takes a resource and an attribute, not {given!r}")
    return parts[0], parts[1]


def _substitution(given: Any) -> tuple[str, Document]:
    text, own = (given, {}) if isinstance(given, str) else (given[0], given[1])
    return text, own


class Resolver:
    """Resolves values within a scope, and notes in `missing` which resources they want that nobody made."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.missing: list[str] = []
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": lambda given: self._look_up(".".join(_attribute(given))),
            "Fn::Sub": self._sub,
            "Fn::Join": lambda given: str(given[0]).join(map(str, self.resolve(given[1]))),
            "Fn::Select": lambda given: self.resolve(given[1])[int(self.resolve(given[0]))],
            "Fn::Split": lambda given: self.resolve(given[1]).split(given[0]),
            "Fn::FindInMap": self._find_in_map,
            "Fn::If": lambda given: self._resolve(given[1] if self.holds(given[0]) else given[2]),
        }

    def resolve(self, value: Any) -> Any:
        """Return a value with every function in it carried out; None for AWS::NoValue. Raises TemplateError."""
        resolved = self._resolve(value)
        return None if resolved is _NO_VALUE else resolved

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, given), *_ = value.items()
            if name in self._functions:
                return self._call(name, given)
            if name.startswith("Fn::"):
                raise TemplateError(f"{name} is not supported")
        pairs = ((key, self._resolve(item)) for key, item in value.items())
        return {key: item for key, item in pairs if item is not _NO_VALUE}

    def _call(self, name: str, given: Any) -> Any:
        try:
            return self._functions[name](given)
        except (TypeError, IndexError, KeyError, ValueError, AttributeError):
            raise TemplateError(f"{name} can't be carried out with {given!r}") from None

    def _ref(self, name: str) -> Any:
        return _NO_VALUE if name == "AWS::NoValue" else self._look_up(name)

    def _look_up(self, name: str) -> Any:
        if name in self._scope.values:
            return self._scope.values[name]
        resource, _, attribute = name.partition(".")
        if resource not in self._scope.resources:
            raise TemplateError(f"nothing in the template is called {resource}")
        self.missing.append(resource)
        return stand_in(resource, attribute, self._scope.resources[resource])

    def _sub(self, given: Any) -> str:
        text, own = _substitution(given)
        values = {key: self.resolve(value) for key, value in own.items()}

        def put(found: re.Match[str]) -> str:
            name = found.group(1).strip()
            return str(values[name] if name in values else self._look_up(name))

        return _VARIABLE.sub(put, text).replace("${!", "${")

    def _find_in_map(self, given: list[Any]) -> Any:
        names = [str(self.resolve(one)) for one in given[:3]]
        return self.resolve(self._scope.mappings[names[0]][names[1]][names[2]])

    def holds(self, condition: str | Document) -> bool:
        """Say whether a condition, by name or in full, is true. Raises TemplateError."""
        if isinstance(condition, str):
            if condition not in self._scope.conditions:
                raise TemplateError(f"there is no condition {condition}")
            return self.holds(self._scope.conditions[condition])
        (name, given), *_ = condition.items()
        match name:
            case "Condition":
                return self.holds(given)
            case "Fn::Equals":
                return bool(self.resolve(given[0]) == self.resolve(given[1]))
            case "Fn::Not":
                return not self.holds(given[0])
            case "Fn::And":
                return all(map(self.holds, given))
            case "Fn::Or":
                return any(map(self.holds, given))
        raise TemplateError(f"{name} is not a condition")


def stand_in(name: str, attribute: str, resource: Document) -> str:
    """Return what stands for a resource that isn't made: the name that the template gives it, else its logical one."""
    properties = resource.get("Properties", {})
    kind = str(resource.get("Type", "")).rpartition("::")[2]
    given = properties.get(f"{kind}Name")
    plain = given if isinstance(given, str) else name
    return f"{plain}.{attribute}" if attribute else plain
