"""Which version of its runtime serves a function: PutRuntimeManagementConfig and GetRuntimeManagementConfig.

A host has one version of each runtime, which serves whatever is chosen; the choice is kept and shown.
"""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.references import arn_of, find_function
from ingle.functions import LATEST, Function, FunctionNotFoundError, InvalidSettingError, RuntimeManagement
from ingle.store import FunctionRepository
from ingle.values import FunctionArn


class RuntimeManagementConfigs:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository) -> None:
        self._repository = repository

    def handlers(self) -> dict[str, Handler]:
        return {"GetRuntimeManagementConfig": self.get, "PutRuntimeManagementConfig": self.put}

    def _find(self, request: Request) -> tuple[Function, FunctionArn]:
        """Return the function, and it with the version that is meant, which no alias can name."""
        arn = arn_of(request)
        function = find_function(self._repository, arn)
        if (arn.qualifier or LATEST) not in function.versions:
            raise FunctionNotFoundError(arn)
        return function, arn.qualified(arn.qualifier or LATEST)

    async def get(self, request: Request) -> Answered:
        """GetRuntimeManagementConfig."""
        function, arn = self._find(request)
        return Answered(_render(arn, function.runtime_management.get(arn.qualifier or LATEST, RuntimeManagement())))

    async def put(self, request: Request) -> Answered:
        """PutRuntimeManagementConfig."""
        mode, runtime = request.input["UpdateRuntimeOn"], request.input.get("RuntimeVersionArn")
        if (mode == "Manual") != (runtime is not None):
            raise InvalidSettingError("RuntimeVersionArn is required where UpdateRuntimeOn is Manual, and only there.")
        function, arn = self._find(request)
        chosen = RuntimeManagement(update_on=mode, runtime_version=runtime)
        kept = {**function.runtime_management, arn.qualifier or LATEST: chosen}
        self._repository.save(msgspec.structs.replace(function, runtime_management=kept))
        return Answered(_render(arn, chosen))


def _render(arn: FunctionArn, chosen: RuntimeManagement) -> dict[str, Any]:
    return {
        "UpdateRuntimeOn": chosen.update_on,
        "FunctionArn": str(arn),
        "RuntimeVersionArn": chosen.runtime_version,
    }
