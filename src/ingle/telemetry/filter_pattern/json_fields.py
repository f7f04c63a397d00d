"""Patterns on JSON: `{ $.level = "ERROR" && ($.items[0].id > 3 || $.user NOT EXISTS) }`."""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ingle.telemetry.filter_pattern.operands import Number, Operand
from ingle.telemetry.filter_pattern.patterns import InvalidFilterPatternError, invalid_term
from ingle.telemetry.filter_pattern.scanner import Scanner

_NAME = re.compile(r"[\w-]+")
_INDEX = re.compile(r"[0-9]+")
_QUOTED_NAME = re.compile(r"'[^']*'")
_WILDCARDS_LIMIT = 3
_decoder = msgspec.json.Decoder()


class _AnyField:
    """The step `.*`."""


class _AnyElement:
    """The step `[*]`."""


_Step = str | int | _AnyField | _AnyElement


@dataclasses.dataclass(frozen=True, slots=True)
class Selector:
    """The way to values: `$.a.b[0]`."""

    text: str
    steps: Sequence[_Step]

    def select(self, document: Any) -> list[Any]:
        """Return what the way leads to: nothing, a value, or with a wildcard several."""
        found = [document]
        for step in self.steps:
            found = [below for value in found for below in _go(value, step)]
        return found


def _go(value: Any, step: _Step) -> Iterator[Any]:
    if isinstance(value, dict):
        if isinstance(step, _AnyField):
            yield from value.values()
        elif isinstance(step, str) and step in value:
            yield value[step]
    elif isinstance(value, list):
        if isinstance(step, _AnyElement):
            yield from value
        elif isinstance(step, int) and step < len(value):
            yield value[step]


Condition = Callable[[Any], bool]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class JsonFields:
    """A condition on the fields of a message that is a JSON object."""

    condition: Condition
    selectors: Sequence[Selector]
    expressions: int
    has_columns = False

    def extract(self, message: str) -> Mapping[str, str] | None:
        """Return the values of the selected fields of a message that matches."""
        try:
            document = _decoder.decode(message)
        except (msgspec.DecodeError, RecursionError):
            return None
        if not isinstance(document, dict) or not self.condition(document):
            return None
        return {one.text: value for one in self.selectors for value in _shown(one.select(document))}


def _shown(values: list[Any]) -> list[str]:
    return [text_of(value) for value in map(_comparable, values) if value is not None][:1]


def _comparable(value: Any) -> str | Number | None:
    """Return a value that can be compared; None for null, objects and arrays."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else None


def text_of(value: str | Number) -> str:
    """Return a value as JSON writes it, a text without quotes."""
    return str(value)


def parse_json_fields(text: str) -> JsonFields:
    """Return what a pattern in braces means. Raises InvalidFilterPatternError."""
    parser = _Parser(text)
    condition = parser.whole()
    wildcards = sum(isinstance(step, _AnyField | _AnyElement) for one in parser.selectors for step in one.steps)
    if wildcards > _WILDCARDS_LIMIT:
        raise InvalidFilterPatternError("Invalid filter pattern: it has more than 3 wildcards in its selectors")
    return JsonFields(condition=condition, selectors=tuple(parser.selectors), expressions=parser.scanner.expressions)


class _Parser:
    """Reads one pattern: `||` binds less than `&&`, parentheses bind most."""

    def __init__(self, text: str) -> None:
        self.scanner = Scanner(text)
        self.selectors: list[Selector] = []

    def whole(self) -> Condition:
        self.scanner.expect("{")
        condition = self._any()
        self.scanner.expect("}")
        self.scanner.skip_space()
        if self.scanner.at < len(self.scanner.text):
            raise self.scanner.error()
        return condition

    def _any(self) -> Condition:
        conditions = [self._all()]
        while self.scanner.take("||"):
            conditions.append(self._all())
        return conditions[0] if len(conditions) == 1 else lambda document: any(one(document) for one in conditions)

    def _all(self) -> Condition:
        conditions = [self._one()]
        while self.scanner.take("&&"):
            conditions.append(self._one())
        return conditions[0] if len(conditions) == 1 else lambda document: all(one(document) for one in conditions)

    def _one(self) -> Condition:
        if self.scanner.take("("):
            self.scanner.enter()
            condition = self._any()
            self.scanner.expect(")")
            self.scanner.leave()
            return condition
        selector = self._selector()
        self.selectors.append(selector)
        if self.scanner.take_word("IS"):
            return self._is(selector)
        if self.scanner.take_word("NOT"):
            if not self.scanner.take_word("EXISTS"):
                raise self.scanner.error()
            return lambda document: not selector.select(document)
        operator = self.scanner.operator()
        return _comparison(selector, operator, self.scanner.operand(operator))

    def _is(self, selector: Selector) -> Condition:
        for word, wanted in (("NULL", None), ("TRUE", True), ("FALSE", False)):
            if self.scanner.take_word(word):
                return lambda document: any(value is wanted for value in selector.select(document))
        raise self.scanner.error()

    def _selector(self) -> Selector:
        scanner = self.scanner
        scanner.expect("$")
        start = scanner.at
        steps: list[_Step] = []
        while (step := self._step()) is not None:
            steps.append(step)
        if not steps:
            raise scanner.error()
        if sum(isinstance(step, _AnyField | _AnyElement) for step in steps) > 1:
            raise InvalidFilterPatternError("Invalid filter pattern: a selector has more than one wildcard")
        return Selector(f"${scanner.text[start : scanner.at]}", tuple(steps))

    def _step(self) -> _Step | None:
        """Read one step; what follows a selector is white space or an operator."""
        scanner = self.scanner
        has_dot = scanner.text.startswith(".", scanner.at)
        if has_dot:
            scanner.at += 1
        if scanner.text.startswith("[", scanner.at):
            scanner.at += 1
            step = self._bracket()
            scanner.expect("]")
            return step
        if not has_dot:
            return None
        if scanner.text.startswith("*", scanner.at):
            scanner.at += 1
            return _AnyField()
        name = scanner.take_match(_NAME)
        if not name:
            raise invalid_term(f"$.{scanner.text[scanner.at : scanner.at + 1]}")
        return name

    def _bracket(self) -> _Step:
        scanner = self.scanner
        if scanner.take("*"):
            return _AnyElement()
        index = scanner.take_match(_INDEX)
        if index:
            return int(index)
        name = scanner.quoted() or scanner.take_match(_QUOTED_NAME)[1:-1]
        if not name:
            raise scanner.error()
        return name


def _comparison(selector: Selector, operator: str, operand: Operand) -> Condition:
    def holds(document: Any) -> bool:
        values = map(_comparable, selector.select(document))
        return any(value is not None and operand.compare(operator, value) for value in values)

    return holds
