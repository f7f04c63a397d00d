"""From a qualifier to the version that serves."""

from ingle.routing.snapshot import AliasRoute, FunctionRoute, VersionRoute
from ingle.values import IngleError

LATEST = "$LATEST"


class UnknownVersionError(IngleError):
    """The function has no version or alias of that name."""


def resolve(function: FunctionRoute, qualifier: str | None, draw: float) -> VersionRoute:
    """Return the version that a qualifier names; no qualifier names `$LATEST`. Raises UnknownVersionError.

    `draw` is a random number from 0 on and below 1, the same for all of one invocation: where an alias has weights, it
    picks the version.
    """
    name = qualifier or LATEST
    try:
        if name in function.aliases:
            name = _pick(function.aliases[name], draw)
        return function.versions[name]
    except KeyError:
        raise UnknownVersionError(f"{function.name} has no version {qualifier}") from None


def _pick(alias: AliasRoute, draw: float) -> str:
    for version, weight in alias.weights.items():
        if draw < weight:
            return version
        draw -= weight
    return alias.version
