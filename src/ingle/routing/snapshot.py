"""Routing snapshots: everything that admission and assignment ask of a function, and nothing of its code."""

import msgspec

from ingle.values import Cors


class VersionRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One version; `revision` changes with its code or configuration, `runtime` is what a worker can warm up for it."""

    version: str
    revision: str
    state: str
    runtime: str
    provisioned: int = 0
    """How many environments are kept initialised."""
    has_template: bool = False
    """Whether its environments are copies of a template, which the worker shall have before they are wanted."""


class AliasRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One alias: its version, and the shares of the invocations that others get."""

    version: str
    weights: dict[str, float] = {}


class UrlRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One function URL: whom it leads to, whom it lets in, and how it answers."""

    url_id: str
    qualifier: str | None
    """The alias that it leads to; None for `$LATEST`."""
    auth_type: str
    invoke_mode: str
    cors: Cors | None = None
    is_public: bool = False
    """Whether the policy of the function or the alias lets everybody in."""


class FunctionRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A function, its versions, `$LATEST` among them, its aliases and its URLs."""

    account: str
    region: str
    name: str
    versions: dict[str, VersionRoute]
    aliases: dict[str, AliasRoute] = {}
    reserved_concurrency: int | None = None
    is_per_tenant: bool = False
    """Whether each invocation names a tenant, who shares no environment with another."""
    urls: tuple[UrlRoute, ...] = ()


class RoutingSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All functions, as of a generation."""

    generation: int
    functions: list[FunctionRoute]


class RoutingChange(msgspec.Struct, frozen=True, kw_only=True):
    """The generation after `generation - 1`: one function as it is now, or None where it is gone."""

    generation: int
    account: str
    region: str
    name: str
    function: FunctionRoute | None
