"""The patterns by which event source mappings choose records (Lambda's event filtering, as EventBridge writes patterns)."""

from typing import Any

import msgspec

from ingle.functions.errors import InvalidSettingError

_COMPARISONS = frozenset({"=", "<", "<=", ">", ">="})
_TEXT_RULES = frozenset({"prefix", "suffix", "equals-ignore-case"})


def check_pattern(text: str) -> None:
    """Raises InvalidSettingError for what is no pattern."""
    try:
        pattern = msgspec.json.decode(text)
        is_fine = isinstance(pattern, dict) and _is_object(pattern)
    except (msgspec.DecodeError, RecursionError):
        is_fine = False
    if not is_fine:
        raise InvalidSettingError("Invalid filter pattern definition.")


def _is_object(pattern: dict[str, Any]) -> bool:
    """Say whether each member leads to rules, or to an object whose members do; `$or` lists such objects."""
    return all(
        _is_alternatives(value) if key == "$or" and isinstance(value, list) else _is_member(value)
        for key, value in pattern.items()
    )


def _is_member(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and _is_object(value)
    return isinstance(value, list) and bool(value) and all(map(_is_rule, value))


def _is_alternatives(value: list[Any]) -> bool:
    return len(value) > 1 and all(isinstance(one, dict) and one and _is_object(one) for one in value)


def _is_rule(rule: Any) -> bool:
    """Say whether something stands in a list of rules: a value that must be equal, or one comparison."""
    if not isinstance(rule, dict):
        return not isinstance(rule, list)
    if len(rule) != 1:
        return False
    ((name, value),) = rule.items()
    if name in _TEXT_RULES:
        return isinstance(value, str)
    if name == "exists":
        return isinstance(value, bool)
    if name == "numeric":
        return _is_numeric(value)
    return name == "anything-but" and _is_anything_but(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric(value: Any) -> bool:
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    pairs = zip(value[::2], value[1::2], strict=True)
    return all(operator in _COMPARISONS and _is_number(bound) for operator, bound in pairs)


def _is_anything_but(value: Any) -> bool:
    if isinstance(value, dict):
        return len(value) == 1 and next(iter(value)) in _TEXT_RULES and _is_rule(value)
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, str) or _is_number(one) for one in values)
