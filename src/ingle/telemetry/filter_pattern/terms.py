"""Terms: words and quoted phrases that must, may or must not occur in a message."""

import dataclasses
import re
from collections.abc import Mapping

from ingle.telemetry.filter_pattern.expressions import Expression
from ingle.telemetry.filter_pattern.patterns import InvalidFilterPatternError, invalid_term
from ingle.telemetry.filter_pattern.scanner import Scanner

_WORD = re.compile(r"[^\s\"]+")
_ODD = re.compile(r"\W+")


@dataclasses.dataclass(frozen=True, slots=True)
class ExpressionTerm:
    """A regular expression that is a pattern by itself."""

    expression: Expression
    expressions = 1
    has_columns = False

    def extract(self, message: str) -> Mapping[str, str] | None:
        """Return nothing for a message in which it is found."""
        return {} if self.expression.search(message) else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Some of these must occur in a message: all of one list, none of another; one of the third if it stands alone."""

    all_of: tuple[str, ...]
    none_of: tuple[str, ...]
    any_of: tuple[str, ...]
    expressions = 0
    has_columns = False

    def extract(self, message: str) -> Mapping[str, str] | None:
        """Return nothing for a message that matches."""
        return {} if self._matches(message) else None

    def _matches(self, message: str) -> bool:
        if self.any_of and not self.all_of and not self.none_of:
            return any(term in message for term in self.any_of)
        return all(term in message for term in self.all_of) and not any(term in message for term in self.none_of)


def parse_terms(text: str) -> Terms:
    """Return what a list of terms means. Raises InvalidFilterPatternError."""
    scanner = Scanner(text)
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    scanner.skip_space()
    while scanner.at < len(text):
        kind = next((sign for sign in "?-" if scanner.take(sign)), "")
        term = _term(scanner)
        if term.strip():  # a blank phrase is in every message
            terms[kind].append(term)
        scanner.skip_space()
    return Terms(all_of=tuple(terms[""]), none_of=tuple(terms["-"]), any_of=tuple(terms["?"]))


def _term(scanner: Scanner) -> str:
    if scanner.at >= len(scanner.text) or scanner.text[scanner.at].isspace():  # a sign alone
        raise InvalidFilterPatternError("Invalid filter pattern")
    quoted = scanner.quoted()
    if quoted is not None:
        return quoted
    word = scanner.take_match(_WORD)
    odd = _ODD.search(word)
    if odd is not None:
        raise invalid_term(odd[0])
    return word
