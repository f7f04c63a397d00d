"""Patterns on columns: `[ip, user, ..., status = 4*, bytes > 1000]`.

White space parts the columns of a message; what is in brackets or double quotes is one. The last name of a pattern without
an ellipsis takes the rest of a message that has more columns.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from ingle.telemetry.filter_pattern.operands import NumberOperand, Operand, read_number
from ingle.telemetry.filter_pattern.patterns import InvalidFilterPatternError
from ingle.telemetry.filter_pattern.scanner import Scanner

_WORD = re.compile(r"\S+")
_CLOSING = {'"': '"', "[": "]"}
_NAME = re.compile(r"[A-Za-z_$][\w$-]*")
_ELLIPSIS = "..."

Condition = Callable[[str], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    name: str
    condition: Condition | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names and conditions for the columns before an ellipsis and behind it; without one all are before it."""

    before: Sequence[_Column]
    behind: Sequence[_Column]
    has_ellipsis: bool
    expressions: int
    has_columns = True

    def extract(self, message: str) -> Mapping[str, str] | None:
        """Return the columns of a message that matches, by their names; those without a name by their number."""
        found = split_columns(message)
        named = len(self.before) + len(self.behind)
        if len(found) < named:
            return None
        if not self.has_ellipsis and len(found) > named:
            begin = found[named - 1][1]
            found = [*found[: named - 1], (message[begin:].strip(), begin)]
        texts = [text for text, _ in found]
        cut = len(texts) - len(self.behind)
        pairs = [*zip(self.before, texts, strict=False), *zip(self.behind, texts[cut:], strict=True)]
        if any(column.condition is not None and not column.condition(text) for column, text in pairs):
            return None
        unnamed = {f"${at + 1}": texts[at] for at in range(len(self.before), cut)}
        return {**unnamed, **{f"${column.name}": text for column, text in pairs}}


def split_columns(message: str) -> list[tuple[str, int]]:
    """Return the columns of a message, each with where it begins, in time that grows with its length alone."""
    made, at = [], 0
    closings = dict.fromkeys(_CLOSING.values(), 0)  # where the next one is, as far as it has been looked for
    while (word := _WORD.search(message, at)) is not None:
        begin, at = word.span()
        text, closing = word[0], _CLOSING.get(message[begin])
        if closing is not None:
            if closings[closing] <= begin:
                found = message.find(closing, begin + 1)
                closings[closing] = found if found >= 0 else len(message)
            end = closings[closing]
            if end < len(message) and not message[end + 1 : end + 2].strip():
                text, at = message[begin + 1 : end], end + 1
        made.append((text, begin))
    return made


def parse_columns(text: str) -> Columns:
    """Return what a pattern in brackets means. Raises InvalidFilterPatternError."""
    scanner = Scanner(text)
    scanner.expect("[")
    before: list[_Column] = []
    behind: list[_Column] | None = None
    while True:
        if scanner.take(_ELLIPSIS):
            if behind is not None:
                raise InvalidFilterPatternError("Invalid filter pattern: it has more than one ellipsis")
            behind = []
        else:
            (before if behind is None else behind).append(_column(scanner))
        if not scanner.take(","):
            break
    scanner.expect("]")
    scanner.skip_space()
    if scanner.at < len(text):
        raise scanner.error()
    return Columns(
        before=tuple(before), behind=tuple(behind or ()), has_ellipsis=behind is not None,
        expressions=scanner.expressions,
    )  # fmt: skip


def _column(scanner: Scanner) -> _Column:
    start = scanner.at
    if scanner.take("("):
        scanner.at = start
        name = _first_name(scanner)
        return _Column(name=name, condition=_any(scanner, name))
    name = _name(scanner)
    scanner.skip_space()
    if scanner.text[scanner.at : scanner.at + 1] in (",", "]"):
        return _Column(name=name, condition=None)
    scanner.at = start
    return _Column(name=name, condition=_any(scanner, name))


def _name(scanner: Scanner) -> str:
    scanner.skip_space()
    name = scanner.take_match(_NAME)
    if not name:
        raise scanner.error()
    return name


def _first_name(scanner: Scanner) -> str:
    """Return the name that a condition in parentheses begins with, and stay before it."""
    start = scanner.at
    while scanner.take("("):
        pass
    name = _name(scanner)
    scanner.at = start
    return name


def _any(scanner: Scanner, name: str) -> Condition:
    conditions = [_all(scanner, name)]
    while scanner.take("||"):
        conditions.append(_all(scanner, name))
    return conditions[0] if len(conditions) == 1 else lambda text: any(one(text) for one in conditions)


def _all(scanner: Scanner, name: str) -> Condition:
    conditions = [_one(scanner, name)]
    while scanner.take("&&"):
        conditions.append(_one(scanner, name))
    return conditions[0] if len(conditions) == 1 else lambda text: all(one(text) for one in conditions)


def _one(scanner: Scanner, name: str) -> Condition:
    if scanner.take("("):
        scanner.enter()
        condition = _any(scanner, name)
        scanner.expect(")")
        scanner.leave()
        return condition
    if _name(scanner) != name:  # a condition is about the column in which it stands
        raise InvalidFilterPatternError("Invalid filter pattern")
    operator = scanner.operator()
    return _comparison(operator, scanner.operand(operator))


def _comparison(operator: str, operand: Operand) -> Condition:
    def holds(text: str) -> bool:
        number = read_number(text) if isinstance(operand, NumberOperand) else None
        return operand.compare(operator, text if number is None else number)

    return holds
