"""What a gateway knows of functions: routing snapshots, and the way from qualifier to version."""

from ingle.routing.resolve import UnknownVersionError, resolve
from ingle.routing.snapshot import AliasRoute, FunctionRoute, RoutingChange, RoutingSnapshot, UrlRoute, VersionRoute

__all__ = [
    "AliasRoute",
    "FunctionRoute",
    "RoutingChange",
    "RoutingSnapshot",
    "UnknownVersionError",
    "UrlRoute",
    "VersionRoute",
    "resolve",
]
