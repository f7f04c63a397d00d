"""Tags of functions, event source mappings and code signing configs."""

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.references import find_function, read_arn
from ingle.functions import Function, InvalidSettingError, check_tags
from ingle.protocol import AwsError
from ingle.store import FunctionRepository

Change = Callable[[Mapping[str, str]], dict[str, str]]
"""From the tags that a resource has to those that it shall have."""


class Taggable(Protocol):
    """A kind of resource whose tags can be changed."""

    def tags(self, request: Request, arn: str) -> Mapping[str, str]:
        """Return a resource's tags. Raises AwsError, or a domain error, where there is none."""
        ...

    async def change_tags(self, request: Request, arn: str, change: Change) -> None:
        """Change a resource's tags; durable on return. Raises what `tags` does, and what forbids the change."""
        ...


class TaggableFunctions:
    """Functions, whose versions and aliases have no tags of their own."""

    def __init__(self, repository: FunctionRepository, publisher: Publisher) -> None:
        self._repository = repository
        self._publisher = publisher

    def _find(self, request: Request, text: str) -> Function:
        arn = read_arn(request, text)
        if arn.qualifier is not None:
            raise InvalidSettingError(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return find_function(self._repository, arn)

    def tags(self, request: Request, arn: str) -> Mapping[str, str]:
        """Return a function's tags."""
        return self._find(request, arn).tags

    async def change_tags(self, request: Request, arn: str, change: Change) -> None:
        """Change a function's tags, unless it is being updated."""
        function = self._find(request, arn)
        function.latest.check_can_change(function.arn, None)
        changed = function.with_tags(change(function.tags), lambda: str(uuid.uuid4()))
        self._repository.save(changed)
        if changed.is_isolated != function.is_isolated:
            await self._publisher.announce(changed)


class Tags:
    """The handlers; each takes a checked request and returns the members of its response.

    `kinds` are the resources that can be tagged, by the word of their ARN.
    """

    def __init__(self, kinds: Mapping[str, Taggable]) -> None:
        self._kinds = kinds

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {"ListTags": self.list_tags, "TagResource": self.tag, "UntagResource": self.untag}

    def _kind(self, request: Request) -> Taggable:
        kind = request.input["Resource"].split(":")[5]
        if kind == "capacity-provider":
            raise AwsError("ResourceNotFoundException", f"Capacity provider not found: {request.input['Resource']}")
        if kind not in self._kinds:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")
        return self._kinds[kind]

    async def list_tags(self, request: Request) -> Answered:
        """ListTags."""
        return Answered({"Tags": dict(self._kind(request).tags(request, request.input["Resource"]))})

    async def tag(self, request: Request) -> Answered:
        """TagResource: adds tags, and gives those that are there other values."""
        given = request.input["Tags"]
        if not given:
            raise InvalidSettingError("An error occurred and the request cannot be processed.")
        check_tags(given)
        await self._change(request, lambda held: check_tags(given, held))
        return Answered({}, status=204)

    async def untag(self, request: Request) -> Answered:
        """UntagResource; a key that isn't there is no error."""
        gone = request.input["TagKeys"]
        await self._change(request, lambda held: {key: value for key, value in held.items() if key not in gone})
        return Answered({}, status=204)

    async def _change(self, request: Request, change: Change) -> None:
        await self._kind(request).change_tags(request, request.input["Resource"], change)
