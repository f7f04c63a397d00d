"""Aliases: CreateAlias and its kin."""

import uuid
from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.references import find_unqualified
from ingle.control.services.lambda_.rendering import render_alias
from ingle.functions import (
    Alias,
    AliasExistsError,
    AliasNotFoundError,
    AliasToUpdateNotFoundError,
    Function,
    RevisionMismatchError,
)
from ingle.store import FunctionRepository


class Aliases:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository, publisher: Publisher) -> None:
        self._repository = repository
        self._publisher = publisher

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateAlias": self.create,
            "DeleteAlias": self.delete,
            "GetAlias": self.get,
            "ListAliases": self.list_aliases,
            "UpdateAlias": self.update,
        }

    async def create(self, request: Request) -> Answered:
        """CreateAlias; invocations are routed by it when this returns."""
        wishes = request.input
        alias = _wished(Alias(name=wishes["Name"], function_version=wishes["FunctionVersion"]), wishes)
        alias.check_weights()
        function = find_unqualified(self._repository, request)
        changed = function.with_alias(alias)
        if alias.name in function.aliases:
            raise AliasExistsError(function.arn.qualified(alias.name))
        return await self._keep(changed, alias)

    async def update(self, request: Request) -> Answered:
        """UpdateAlias: what isn't given stays, an empty RoutingConfig clears it."""
        function, name = find_unqualified(self._repository, request), request.input["Name"]
        alias = function.aliases.get(name)
        if alias is None:
            raise AliasToUpdateNotFoundError(function.arn.qualified(name))
        if request.input.get("RevisionId") not in (None, alias.revision_id):
            raise RevisionMismatchError
        alias = _wished(alias, request.input)
        return await self._keep(function.with_alias(alias), alias)

    async def _keep(self, changed: Function, alias: Alias) -> Answered:
        self._repository.save(changed)
        await self._publisher.announce(changed)
        return Answered(render_alias(changed, alias))

    async def get(self, request: Request) -> Answered:
        """GetAlias."""
        return Answered(render_alias(*self._find(request)))

    async def delete(self, request: Request) -> Answered:
        """DeleteAlias; it is no error that there is none."""
        function = find_unqualified(self._repository, request)
        if request.input["Name"] in function.aliases:
            changed = function.without_alias(request.input["Name"])
            self._repository.save(changed)
            await self._publisher.announce(changed)
        return Answered({}, status=204)

    async def list_aliases(self, request: Request) -> Answered:
        """ListAliases, by name; of one version, where one is given, whatever share of the invocations it gets."""
        function, wanted = find_unqualified(self._repository, request), request.input.get("FunctionVersion")
        after = read_marker(request.input.get("Marker"))
        found = [
            function.aliases[name]
            for name in sorted(function.aliases)
            if name > after and wanted in (None, *function.aliases[name].versions)
        ]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        more = {"NextMarker": make_marker(found[count - 1].name)} if len(found) > count else {}
        return Answered({"Aliases": [render_alias(function, alias) for alias in found[:count]], **more})

    def _find(self, request: Request) -> tuple[Function, Alias]:
        function, name = find_unqualified(self._repository, request), request.input["Name"]
        if name not in function.aliases:
            raise AliasNotFoundError(function.arn.qualified(name))
        return function, function.aliases[name]


def _wished(alias: Alias, wishes: dict[str, Any]) -> Alias:
    """Return an alias with what a request says of it."""
    fields: dict[str, Any] = {"revision_id": str(uuid.uuid4())}
    for name, field in (("FunctionVersion", "function_version"), ("Description", "description")):
        if name in wishes:
            fields[field] = wishes[name]
    if "RoutingConfig" in wishes:
        weights = wishes["RoutingConfig"].get("AdditionalVersionWeights", {})
        fields["weights"] = {version: float(weight) for version, weight in weights.items()}
    return msgspec.structs.replace(alias, **fields)
