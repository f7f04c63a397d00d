"""From a qualifier to the version that serves."""

from ingle.routing.snapshot import FunctionRoute, VersionRoute
from ingle.values import IngleError

LATEST = "$LATEST"


class UnknownVersionError(IngleError):
    """The function has no version or alias of that name."""


def resolve(function: FunctionRoute, qualifier: str | None) -> VersionRoute:
    """Return the version that a qualifier names; no qualifier names `$LATEST`. Raises UnknownVersionError."""
    try:
        return function.versions[qualifier or LATEST]
    except KeyError:
        raise UnknownVersionError(f"{function.name} has no version {qualifier}") from None
