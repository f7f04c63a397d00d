"""Reserved concurrency of functions (API reference, section 9)."""

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.references import find_unqualified
from ingle.functions import LATEST, Function, UntypedSettingError
from ingle.store import FunctionRepository

UNRESERVED_MINIMUM = 100
"""What must stay for the functions that reserve nothing."""


class Concurrency:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository, publisher: Publisher, limit: int) -> None:
        self._repository = repository
        self._publisher = publisher
        self._limit = limit

    def handlers(self) -> dict[str, Handler]:
        return {
            "DeleteFunctionConcurrency": self.delete,
            "GetFunctionConcurrency": self.get,
            "PutFunctionConcurrency": self.put,
        }

    async def put(self, request: Request) -> Answered:
        """PutFunctionConcurrency; invocations are held to it when this returns."""
        function = self._to_change(request)
        wanted = request.input["ReservedConcurrentExecutions"]
        if wanted < function.provisioned_units:
            raise UntypedSettingError(
                f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned concurrency"
                f" [{function.provisioned_units}]."
            )
        least = min(UNRESERVED_MINIMUM, self._limit)
        if wanted and self._limit - claimed_by_others(self._repository, function) - wanted < least:
            raise UntypedSettingError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
                f" below its minimum value of [{least}]."
            )
        await self._set(function, wanted)
        return Answered({"ReservedConcurrentExecutions": wanted})

    async def get(self, request: Request) -> Answered:
        """GetFunctionConcurrency."""
        reserved = find_unqualified(self._repository, request).reserved_concurrency
        return Answered({} if reserved is None else {"ReservedConcurrentExecutions": reserved})

    async def delete(self, request: Request) -> Answered:
        """DeleteFunctionConcurrency."""
        await self._set(self._to_change(request), None)
        return Answered({}, status=204)

    def _to_change(self, request: Request) -> Function:
        function = find_unqualified(self._repository, request, missing_as=LATEST)
        function.latest.check_can_change(function.arn, None)
        return function

    async def _set(self, function: Function, units: int | None) -> None:
        changed = msgspec.structs.replace(function, reserved_concurrency=units)
        self._repository.save(changed)
        await self._publisher.announce(changed)


def claimed_by_others(repository: FunctionRepository, function: Function) -> int:
    """Return what the other functions of the account and region reserve or have provisioned."""
    return sum(
        one.claimed_concurrency
        for one in repository.every()
        if (one.account, one.region) == (function.account, function.region) and one.name != function.name
    )
