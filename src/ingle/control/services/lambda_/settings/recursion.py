"""What happens to a function that invokes itself: PutFunctionRecursionConfig and GetFunctionRecursionConfig."""

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.references import find_unqualified
from ingle.store import FunctionRepository


class RecursionConfigs:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository) -> None:
        self._repository = repository

    def handlers(self) -> dict[str, Handler]:
        return {"GetFunctionRecursionConfig": self.get, "PutFunctionRecursionConfig": self.put}

    async def get(self, request: Request) -> Answered:
        """GetFunctionRecursionConfig."""
        return Answered({"RecursiveLoop": find_unqualified(self._repository, request).recursive_loop})

    async def put(self, request: Request) -> Answered:
        """PutFunctionRecursionConfig."""
        function, wanted = find_unqualified(self._repository, request), request.input["RecursiveLoop"]
        self._repository.save(msgspec.structs.replace(function, recursive_loop=wanted))
        return Answered({"RecursiveLoop": wanted})
