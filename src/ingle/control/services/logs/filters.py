"""What metric filters and subscription filters share: which groups have them, and how many expressions."""

from collections.abc import Callable

from ingle.protocol import AwsError
from ingle.telemetry import LogGroup, LogGroupSettings, parse_filter_pattern

_EXPRESSIONS_LIMIT = 5
"""Patterns with regular expressions that a group can have in its filters (CloudWatch Logs quotas)."""


def matcher_of(text: str) -> Callable[[str], bool] | None:
    """Return what says whether a message matches a pattern; None where every one does.

    Raises InvalidFilterPatternError.
    """
    if not text.strip():
        return None
    pattern = parse_filter_pattern(text)
    return lambda message: pattern.extract(message) is not None


def check_can_filter(group: LogGroup) -> None:
    """Raises AwsError for a group of another class, which can have no filters and no Live Tail."""
    if group.settings.log_group_class != "STANDARD":
        raise AwsError(
            "InvalidOperationException",
            f"The operation is not supported for log groups of the class {group.settings.log_group_class}.",
        )


def check_expressions(settings: LogGroupSettings) -> None:
    """Raises AwsError where more patterns of a group have expressions than may."""
    patterns = [one.pattern for one in settings.metric_filters.values()]
    patterns += [one.pattern for one in settings.subscription_filters.values()]
    if sum(parse_filter_pattern(one).expressions > 0 for one in patterns) > _EXPRESSIONS_LIMIT:
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
