"""What a field of a message is compared with."""

import dataclasses
import operator as operators
import re
from collections.abc import Callable, Mapping

from ingle.telemetry.filter_pattern.expressions import Expression

Number = int | float
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}")
"""What is read to the last digit: Python refuses to read integers of many thousands."""
_COMPARE: Mapping[str, Callable[[Number, Number], bool]] = {
    ">=": operators.ge,
    "<=": operators.le,
    ">": operators.gt,
    "<": operators.lt,
    "=": operators.eq,
    "!=": operators.ne,
}


def read_number(text: str) -> Number | None:
    """Return the number that a text is; None for none."""
    if not text.isascii() or _NUMBER.fullmatch(text) is None:
        return None
    return int(text) if _INTEGER.fullmatch(text) else float(text)


def matches_wildcard(pattern: str, text: str) -> bool:
    """Say whether a text is as a pattern, whose first and last character may be a `*`; within it is a character."""
    if pattern == "*":
        return True
    body = pattern.removeprefix("*").removesuffix("*")
    if pattern.startswith("*"):
        return body in text if pattern.endswith("*") else text.endswith(body)
    return text.startswith(body) if pattern.endswith("*") else text == body


@dataclasses.dataclass(frozen=True, slots=True)
class TextOperand:
    """A text, quoted or not."""

    text: str

    def compare(self, operator: str, value: str | Number) -> bool:
        """Say whether a value is in this relation."""
        return matches_wildcard(self.text, str(value)) is (operator == "=")


@dataclasses.dataclass(frozen=True, slots=True)
class NumberOperand:
    """A number without quotes: equal to another by value, to a text by how it is written."""

    number: Number
    text: str

    def compare(self, operator: str, value: str | Number) -> bool:
        """Say whether a value is in this relation."""
        if not isinstance(value, str):
            return _COMPARE[operator](value, self.number)
        return operator in ("=", "!=") and (value == self.text) is (operator == "=")


@dataclasses.dataclass(frozen=True, slots=True)
class ExpressionOperand:
    """A regular expression, which is searched for."""

    expression: Expression

    def compare(self, operator: str, value: str | Number) -> bool:
        """Say whether a value is in this relation."""
        return self.expression.search(str(value)) is (operator == "=")


Operand = TextOperand | NumberOperand | ExpressionOperand
