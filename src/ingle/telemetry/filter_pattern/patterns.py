"""What every kind of pattern is to those who use it."""

from collections.abc import Mapping
from typing import Protocol

from ingle.values import IngleError


class InvalidFilterPatternError(IngleError):
    """A text is no filter pattern; the message is AWS's."""


def invalid_term(text: str) -> InvalidFilterPatternError:
    """Return the error of a term with characters that need quotes, or that may not stand there."""
    return InvalidFilterPatternError(f"Invalid character(s) in term '{text}'")


class FilterPattern(Protocol):
    """A parsed pattern."""

    @property
    def expressions(self) -> int:
        """How many regular expressions it has."""
        ...

    @property
    def has_columns(self) -> bool:
        """Whether it gives names to the columns of a message."""
        ...

    def extract(self, message: str) -> Mapping[str, str] | None:
        """Return the values that a pattern names in a message that matches; None where it does not match."""
        ...
