"""What an account has and may have: GetAccountSettings."""

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.functions.settings import ZIP_LIMIT_BYTES
from ingle.store import FunctionRepository, LayerRepository


class AccountSettings:
    """The handler."""

    def __init__(self, repository: FunctionRepository, layers: LayerRepository, concurrency_limit: int) -> None:
        self._repository = repository
        self._layers = layers
        self._concurrency_limit = concurrency_limit

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation, by its name."""
        return {"GetAccountSettings": self.get}

    async def get(self, request: Request) -> Answered:
        """GetAccountSettings; what is stored is the code of all versions and the layers."""
        mine = [
            one for one in self._repository.every() if (one.account, one.region) == (request.account, request.region)
        ]
        reserved = sum(one.claimed_concurrency for one in mine)
        size = sum(version.code.size_bytes for one in mine for version in one.versions.values())
        layers = self._layers.of_region(request.account, request.region)
        size += sum(version.size_bytes for layer in layers for version in layer.versions.values())
        return Answered(
            {
                "AccountLimit": {
                    "TotalCodeSize": 322_122_547_200,
                    "CodeSizeUnzipped": 262_144_000,
                    "CodeSizeZipped": ZIP_LIMIT_BYTES,
                    "ConcurrentExecutions": self._concurrency_limit,
                    "UnreservedConcurrentExecutions": self._concurrency_limit - reserved,
                },
                "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(mine)},
            }
        )
