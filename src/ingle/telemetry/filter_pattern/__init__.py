"""The filter patterns of CloudWatch Logs: terms, regular expressions, JSON fields and columns.

Metric filters, subscription filters, FilterLogEvents and Live Tail share the language (CloudWatch Logs user guide, "Filter
pattern syntax"). A pattern is parsed once; matching takes time that grows with the length of a message, and no faster.
"""

import functools

from ingle.telemetry.filter_pattern.columns import parse_columns
from ingle.telemetry.filter_pattern.expressions import parse_expression
from ingle.telemetry.filter_pattern.json_fields import parse_json_fields
from ingle.telemetry.filter_pattern.patterns import FilterPattern, InvalidFilterPatternError
from ingle.telemetry.filter_pattern.terms import ExpressionTerm, parse_terms

__all__ = ["FilterPattern", "InvalidFilterPatternError", "parse_filter_pattern"]


@functools.lru_cache(maxsize=64)
def parse_filter_pattern(text: str) -> FilterPattern:
    """Return a pattern. Raises InvalidFilterPatternError."""
    stripped = text.strip()
    if stripped.startswith("{"):
        return parse_json_fields(stripped)
    if stripped.startswith("["):
        return parse_columns(stripped)
    if stripped.startswith("%"):
        if len(stripped) < 2 or not stripped.endswith("%"):
            raise InvalidFilterPatternError("Invalid filter pattern")
        return ExpressionTerm(parse_expression(stripped[1:-1]))
    return parse_terms(stripped)
