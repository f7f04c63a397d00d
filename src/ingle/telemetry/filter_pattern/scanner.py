"""Reading a pattern from left to right."""

import re

from ingle.telemetry.filter_pattern.expressions import Expression, parse_expression
from ingle.telemetry.filter_pattern.operands import ExpressionOperand, NumberOperand, Operand, TextOperand, read_number
from ingle.telemetry.filter_pattern.patterns import InvalidFilterPatternError, invalid_term

OPERATORS = (">=", "<=", "!=", "=", ">", "<")
_BARE = re.compile(r"[\w.*+\-:/@#]+")
_ODD = re.compile(r"[^\s\w]+")
_NESTING_LIMIT = 64
_EXPRESSIONS_LIMIT = 2
"""Of one pattern (CloudWatch Logs quotas)."""


class Scanner:
    """A position in a text; what is read is behind it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.expressions = 0
        self._depth = 0

    def skip_space(self) -> None:
        """Go on to what is no white space."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def take(self, token: str) -> bool:
        """Read a token that is next; say whether it was."""
        self.skip_space()
        if not self.text.startswith(token, self.at):
            return False
        self.at += len(token)
        return True

    def take_word(self, word: str) -> bool:
        """Read a word that is next and does not go on."""
        self.skip_space()
        end = self.at + len(word)
        if not self.text.startswith(word, self.at) or self.text[end : end + 1].isalnum():
            return False
        self.at = end
        return True

    def take_match(self, pattern: re.Pattern[str]) -> str:
        """Read what a pattern finds here; an empty text for nothing."""
        found = pattern.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found[0]

    def expect(self, token: str) -> None:
        """Read a token. Raises InvalidFilterPatternError where it is not next."""
        if not self.take(token):
            raise self.error()

    def error(self) -> InvalidFilterPatternError:
        """Return the error of what stands here."""
        self.skip_space()
        odd = _ODD.match(self.text, self.at)
        return invalid_term(odd[0]) if odd else InvalidFilterPatternError("Invalid filter pattern")

    def enter(self) -> None:
        """Read an opening parenthesis' inside. Raises InvalidFilterPatternError where they are too deep."""
        self._depth += 1
        if self._depth > _NESTING_LIMIT:
            raise InvalidFilterPatternError("Invalid filter pattern")

    def leave(self) -> None:
        """The inside of a parenthesis has ended."""
        self._depth -= 1

    def quoted(self) -> str | None:
        """Read a quoted text, if one is next. Raises InvalidFilterPatternError where it does not end."""
        if not self.take('"'):
            return None
        made: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character == '"':
                return "".join(made)
            if character == "\\" and self.text[self.at : self.at + 1] in ('"', "\\"):
                character = self.text[self.at]
                self.at += 1
            made.append(character)
        raise invalid_term('"')

    def expression(self) -> Expression | None:
        """Read a regular expression, if one is next. Raises InvalidFilterPatternError."""
        if not self.take("%"):
            return None
        start = self.at
        while self.at < len(self.text) and self.text[self.at] != "%":
            self.at += 2 if self.text[self.at] == "\\" else 1
        if self.at >= len(self.text):
            raise invalid_term("%")
        self.at += 1
        self.expressions += 1
        if self.expressions > _EXPRESSIONS_LIMIT:
            raise InvalidFilterPatternError("Invalid filter pattern: it has more than 2 regular expressions")
        return parse_expression(self.text[start : self.at - 1])

    def operator(self) -> str:
        """Read an operator. Raises InvalidFilterPatternError."""
        for operator in OPERATORS:
            if self.take(operator):
                return operator
        raise self.error()

    def operand(self, operator: str) -> Operand:
        """Read what an operator compares with. Raises InvalidFilterPatternError."""
        self.skip_space()
        expression = self.expression()
        if expression is not None:
            if operator not in ("=", "!="):
                raise invalid_term("%")
            return ExpressionOperand(expression)
        text = self.quoted()
        number = None
        if text is None:
            text = self.take_match(_BARE)
            if not text:
                raise self.error()
            number = read_number(text)
        if operator not in ("=", "!=") and number is None:
            raise invalid_term(f'"{text}"')
        return TextOperand(text) if number is None else NumberOperand(number, text)
