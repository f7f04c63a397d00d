"""Provisioned concurrency of versions and aliases (API reference, section 9); what there is of it, the gateway tells."""

from typing import Any

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.references import arn_of, find_function
from ingle.control.services.lambda_.rendering import render_time
from ingle.control.services.lambda_.settings.concurrency import UNRESERVED_MINIMUM, claimed_by_others
from ingle.functions import (
    LATEST,
    NOT_ON_LATEST,
    AliasNotFoundError,
    Function,
    FunctionNotFoundError,
    InvalidSettingError,
    ProvisionedNotFoundError,
    UntypedSettingError,
)
from ingle.links.gateway_control import ProvisionedLevel
from ingle.store import FunctionRepository
from ingle.values import Clock

Levels = dict[str, ProvisionedLevel]


class ProvisionedConcurrency:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository, publisher: Publisher, clock: Clock, limit: int) -> None:
        self._repository = repository
        self._publisher = publisher
        self._clock = clock
        self._limit = limit

    def handlers(self) -> dict[str, Handler]:
        return {
            "DeleteProvisionedConcurrencyConfig": self.delete,
            "GetProvisionedConcurrencyConfig": self.get,
            "ListProvisionedConcurrencyConfigs": self.list_configs,
            "PutProvisionedConcurrencyConfig": self.put,
        }

    async def put(self, request: Request) -> Answered:
        """PutProvisionedConcurrencyConfig: environments are being initialised when this returns."""
        function, qualifier = self._find(request, NOT_ON_LATEST)
        version = function.version_of(qualifier)
        if version is not None and version.snap_start:
            raise InvalidSettingError("Provisioned Concurrency is not supported for functions enabled for SnapStart.")
        wanted = request.input["ProvisionedConcurrentExecutions"]
        changed = function.with_provisioned(qualifier, wanted, self._clock.now_ms())
        if changed.claimed_concurrency > function.claimed_concurrency:
            self._check_limit(changed, wanted)
        self._repository.save(changed)
        await self._publisher.announce(changed)
        return Answered(_render(changed, qualifier, {}))

    def _check_limit(self, changed: Function, wanted: int) -> None:
        """Raises UntypedSettingError where too little is left for the functions that claim nothing."""
        left = self._limit - claimed_by_others(self._repository, changed) - changed.claimed_concurrency
        least = min(UNRESERVED_MINIMUM, self._limit)
        if left < 0:
            raise UntypedSettingError(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency"
                f" [{left + wanted}]."
            )
        if left < least:
            raise UntypedSettingError(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its"
                f" minimum value of [{least}]."
            )

    async def get(self, request: Request) -> Answered:
        """GetProvisionedConcurrencyConfig."""
        function, qualifier = self._find(
            request, "The function resource provided must be an alias or a published version."
        )
        if qualifier not in function.provisioned:
            raise ProvisionedNotFoundError
        return Answered(_render(function, qualifier, await self._publisher.provisioned(function)))

    async def delete(self, request: Request) -> Answered:
        """DeleteProvisionedConcurrencyConfig; it is no error that there is none."""
        function, qualifier = self._find(
            request, "The function resource provided must be an alias or a published version."
        )
        if qualifier in function.provisioned:
            changed = function.without_provisioned(qualifier)
            self._repository.save(changed)
            await self._publisher.announce(changed)
        return Answered({}, status=204)

    async def list_configs(self, request: Request) -> Answered:
        """ListProvisionedConcurrencyConfigs, by qualifier."""
        function = find_function(self._repository, arn_of(request).qualified(None))
        after = read_marker(request.input.get("Marker"))
        found = [name for name in sorted(function.provisioned) if name > after]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        levels = await self._publisher.provisioned(function) if found else {}
        shown = [
            {"FunctionArn": str(function.arn.qualified(name)), **_render(function, name, levels)}
            for name in found[:count]
        ]
        more = {"NextMarker": make_marker(found[count - 1])} if len(found) > count else {}
        return Answered({"ProvisionedConcurrencyConfigs": shown, **more})

    def _find(self, request: Request, not_on_latest: str) -> tuple[Function, str]:
        """Return the function and the version or alias that is meant. Raises InvalidSettingError and what isn't found."""
        arn = arn_of(request)
        if arn.qualifier is None or arn.qualifier == LATEST:
            raise InvalidSettingError(not_on_latest)
        function = self._repository.find(arn.account, arn.region, arn.name)
        if function is None or function.version_of(arn.qualifier) is None:  # by an alias it is the alias that is missed
            raise FunctionNotFoundError(arn) if arn.qualifier.isdecimal() else AliasNotFoundError(arn)
        return function, arn.qualifier


def _render(function: Function, qualifier: str, levels: Levels) -> dict[str, Any]:
    config = function.provisioned[qualifier]
    shares = function.provisioned_of(qualifier)
    mine = {version: levels[version] for version in shares if version in levels}
    available = sum(min(shares[version], level.ready) for version, level in mine.items())
    shown: dict[str, Any] = {
        "RequestedProvisionedConcurrentExecutions": config.units,
        "AvailableProvisionedConcurrentExecutions": available,
        "AllocatedProvisionedConcurrentExecutions": available,
        "Status": "READY" if available == config.units else "IN_PROGRESS",
        "LastModified": render_time(config.modified_ms),
    }
    failures = [level.failure for level in mine.values() if level.failure]
    if failures and available < config.units:
        shown.update(Status="FAILED", StatusReason=failures[0])
    return shown
