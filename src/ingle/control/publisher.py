"""Routing for the gateway: whole on request, and each change pushed to it before it counts as done."""

import msgspec
import structlog

from ingle.functions import Function
from ingle.routing import FunctionRoute, RoutingChange, RoutingSnapshot, VersionRoute
from ingle.store import FunctionRepository
from ingle.transport import HttpClient
from ingle.values import IngleError

_log = structlog.get_logger("ingle.control")


def route_of(function: Function) -> FunctionRoute:
    """Return what a gateway is told of a function."""
    versions = {
        name: VersionRoute(version=name, revision=version.revision_id, state=version.state)
        for name, version in function.versions.items()
    }
    return FunctionRoute(account=function.account, region=function.region, name=function.name, versions=versions)


class Publisher:
    """Counts generations and pushes changes."""

    def __init__(self, functions: FunctionRepository, gateway: HttpClient) -> None:
        self._functions = functions
        self._gateway = gateway
        self._generation = 0

    def snapshot(self) -> RoutingSnapshot:
        return RoutingSnapshot(
            generation=self._generation, functions=[route_of(function) for function in self._functions.every()]
        )

    async def publish(self, account: str, region: str, name: str) -> None:
        """Push a function as the database has it; returns when the gateway has it, or can't be reached.

        A gateway that can't be reached takes the whole snapshot when it comes back.
        """
        function = self._functions.find(account, region, name)
        self._generation += 1
        change = RoutingChange(
            generation=self._generation,
            account=account,
            region=region,
            name=name,
            function=None if function is None else route_of(function),
        )
        try:
            answer = await self._gateway.request(b"POST", b"/routing", (), msgspec.json.encode(change))
            await answer.read(1024)
        except IngleError as error:
            _log.warning("routing.not_pushed", reason=str(error))
