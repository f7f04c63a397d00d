"""Routing for the gateway: whole on request, and each change pushed to it before it counts as done."""

import asyncio
from collections.abc import Awaitable

import msgspec
import structlog

from ingle.environments import VersionKey
from ingle.functions import LATEST, Function, Version, lets_everybody_call
from ingle.links.gateway_control import Gateway, ProvisionedLevel, ProvisionedRequest, RoutingFollower
from ingle.routing import AliasRoute, FunctionRoute, RoutingChange, RoutingSnapshot, UrlRoute, VersionRoute
from ingle.store import FunctionRepository
from ingle.values import IngleError

_log = structlog.get_logger("ingle.control")


def route_of(function: Function) -> FunctionRoute:
    """Return what a gateway is told of a function."""
    provisioned = function.provisioned_versions()
    versions = {
        name: VersionRoute(
            version=name,
            revision=one.run_revision,
            state=one.state,
            runtime=one.runtime,
            provisioned=provisioned.get(name, 0),
            has_template=function.wants_template(one),
        )
        for name, one in ((name, version.serving) for name, version in function.versions.items())
    }
    aliases = {
        name: AliasRoute(version=alias.function_version, weights=alias.weights)
        for name, alias in function.aliases.items()
    }
    return FunctionRoute(
        account=function.account,
        region=function.region,
        name=function.name,
        versions=versions,
        aliases=aliases,
        reserved_concurrency=function.reserved_concurrency,
        is_per_tenant=bool(function.tenant_isolation_mode),
        urls=tuple(_url_route(function, qualifier) for qualifier in function.urls),
    )


def _url_route(function: Function, key: str) -> UrlRoute:
    url, qualifier = function.urls[key], None if key == LATEST else key
    return UrlRoute(
        url_id=url.url_id,
        qualifier=qualifier,
        auth_type=url.auth_type,
        invoke_mode=url.invoke_mode,
        cors=url.cors,
        is_public=url.auth_type == "NONE" and lets_everybody_call(function.policies.get(qualifier or "")),
    )


class Publisher:
    """Counts generations and pushes changes, one after the other.

    A gateway that can't be reached takes the whole snapshot from the database when it comes back.
    """

    def __init__(self, functions: FunctionRepository, feed: RoutingFollower, gateway: Gateway) -> None:
        self._functions = functions
        self._feed = feed
        self._gateway = gateway
        self._generation = 0
        self._pushing = asyncio.Lock()
        self._ahead: dict[tuple[str, str, str], Function] = {}

    def snapshot(self) -> RoutingSnapshot:
        return RoutingSnapshot(
            generation=self._generation, functions=[route_of(function) for function in self._functions.every()]
        )

    def find_served(self, key: VersionKey) -> tuple[Function, Version] | None:
        """Return the version that a gateway means, which knows what has been announced, be it stored yet or not."""
        name = (key.account, key.region, key.function)
        for function in (self._ahead.get(name), self._functions.find(*name)):
            version = function.versions.get(key.version) if function is not None else None
            if function is not None and version is not None and version.serving.run_revision == key.revision:
                return function, version.serving
        return None

    async def announce(self, function: Function) -> None:
        """Push a function; returns when the gateway has it, or can't be reached."""
        key = (function.account, function.region, function.name)
        self._ahead[key] = function
        try:
            await self._push(*key, route_of(function))
        finally:
            if self._ahead.get(key) is function:
                del self._ahead[key]

    async def withdraw(self, account: str, region: str, name: str) -> None:
        """Tell that a function is gone; returns as `announce` does."""
        await self._push(account, region, name, None)

    async def refresh(self) -> None:
        """Have a gateway that is already there take the snapshot: it may know what an earlier control never stored."""
        await _push(self._feed.refresh())

    async def provisioned(self, function: Function) -> dict[str, ProvisionedLevel]:
        """Return what there is of a function's provisioned concurrency, by version; nothing while nobody knows."""
        request = ProvisionedRequest(account=function.account, region=function.region, function=function.name)
        try:
            levels = await self._gateway.provisioned_levels(request)
        except (IngleError, msgspec.MsgspecError) as error:
            _log.warning("provisioned.not_known", reason=str(error))
            return {}
        return {level.version: level for level in levels}

    async def _push(self, account: str, region: str, name: str, route: FunctionRoute | None) -> None:
        async with self._pushing:
            self._generation += 1
            change = RoutingChange(
                generation=self._generation, account=account, region=region, name=name, function=route
            )
            await _push(self._feed.apply(change))


async def _push(call: Awaitable[None]) -> None:
    try:
        await call
    except IngleError as error:
        _log.warning("routing.not_pushed", reason=str(error))
