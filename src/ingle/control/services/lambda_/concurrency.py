"""Reserved concurrency of functions (API reference, section 9)."""

import msgspec

from ingle.control.publisher import Publisher
from ingle.control.request import Answered, Request
from ingle.functions import LATEST, Function, FunctionNotFoundError, InvalidSettingError
from ingle.protocol import AwsError
from ingle.store import FunctionRepository
from ingle.values import FunctionArn, parse_function_reference

UNRESERVED_MINIMUM = 100
"""What must stay for the functions that reserve nothing."""


class Concurrency:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository, publisher: Publisher, limit: int) -> None:
        self._repository = repository
        self._publisher = publisher
        self._limit = limit

    async def put(self, request: Request) -> Answered:
        """PutFunctionConcurrency; invocations are held to it when this returns."""
        function = self._function(request)
        wanted = request.input["ReservedConcurrentExecutions"]
        others = sum(
            one.reserved_concurrency or 0
            for one in self._repository.every()
            if (one.account, one.region) == (function.account, function.region) and one.name != function.name
        )
        least = min(UNRESERVED_MINIMUM, self._limit)
        if wanted and self._limit - others - wanted < least:
            raise InvalidSettingError(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution"
                f" below its minimum value of [{least}]."
            )
        await self._set(function, wanted)
        return Answered({"ReservedConcurrentExecutions": wanted})

    async def get(self, request: Request) -> Answered:
        """GetFunctionConcurrency."""
        reserved = self._function(request).reserved_concurrency
        return Answered({} if reserved is None else {"ReservedConcurrentExecutions": reserved})

    async def delete(self, request: Request) -> Answered:
        """DeleteFunctionConcurrency."""
        await self._set(self._function(request), None)
        return Answered({}, status=204)

    def _function(self, request: Request) -> Function:
        """Return the function that a request names, which may name no version."""
        reference = parse_function_reference(request.input["FunctionName"])
        if reference.region is not None and reference.region != request.region:
            raise AwsError(
                "ResourceNotFoundException",
                f"Functions from '{reference.region}' are not reachable in this region ('{request.region}')",
            )
        if reference.qualifier not in (None, LATEST):
            raise InvalidSettingError("This operation is permitted on unqualified functions only.")
        account = reference.account or request.account
        found = self._repository.find(account, request.region, reference.name)
        if found is None:
            arn = FunctionArn(region=request.region, account=account, name=reference.name, qualifier=None)
            raise FunctionNotFoundError(arn)
        return found

    async def _set(self, function: Function, units: int | None) -> None:
        function.latest.check_can_change(function.arn, None)
        changed = msgspec.structs.replace(function, reserved_concurrency=units)
        self._repository.save(changed)
        await self._publisher.announce(changed)
