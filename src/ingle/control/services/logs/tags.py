"""Tags of log groups, by the older operations that name a group and the newer ones that name an ARN."""

from collections.abc import Mapping

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.services.logs.references import find_group, invalid, key_named, key_of
from ingle.protocol import AwsError

_TAGS_LIMIT = 50


class LogTags:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "ListTagsForResource": self.list_of_resource,
            "ListTagsLogGroup": self.list_of_group,
            "TagLogGroup": self.tag_group,
            "TagResource": self.tag_resource,
            "UntagLogGroup": self.untag_group,
            "UntagResource": self.untag_resource,
        }

    async def list_of_group(self, request: Request) -> Answered:
        """ListTagsLogGroup."""
        return self._list(key_of(request))

    async def list_of_resource(self, request: Request) -> Answered:
        """ListTagsForResource."""
        return self._list(_key_of_resource(request))

    async def tag_group(self, request: Request) -> Answered:
        """TagLogGroup."""
        return self._tag(key_of(request), request.input["tags"])

    async def tag_resource(self, request: Request) -> Answered:
        """TagResource."""
        return self._tag(_key_of_resource(request), request.input["tags"])

    async def untag_group(self, request: Request) -> Answered:
        """UntagLogGroup."""
        return self._untag(key_of(request), request.input["tags"])

    async def untag_resource(self, request: Request) -> Answered:
        """UntagResource."""
        return self._untag(_key_of_resource(request), request.input["tagKeys"])

    def _list(self, key: GroupKey) -> Answered:
        return Answered({"tags": dict(find_group(self._store, key).settings.tags)})

    def _tag(self, key: GroupKey, given: Mapping[str, str]) -> Answered:
        settings = find_group(self._store, key).settings
        tags = check_log_tags(key, given, settings.tags)
        self._store.change(key, msgspec.structs.replace(settings, tags=tags))
        return Answered({})

    def _untag(self, key: GroupKey, gone: list[str]) -> Answered:
        settings = find_group(self._store, key).settings
        tags = {name: value for name, value in settings.tags.items() if name not in gone}
        self._store.change(key, msgspec.structs.replace(settings, tags=tags))
        return Answered({})


def _key_of_resource(request: Request) -> GroupKey:
    arn = request.input["resourceArn"]
    if not arn.startswith("arn:"):
        raise invalid("The specified resource ARN is invalid.")
    return key_named(request, arn)


def check_log_tags(key: GroupKey, given: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """Return what a group has once it is given tags beside those it holds. Raises AwsError."""
    if any(name.lower().startswith("aws:") for name in given):
        raise invalid("Tag keys that begin with aws: are reserved for AWS.")
    tags = {**held, **given}
    if len(tags) > _TAGS_LIMIT:
        message = f"A log group can have {_TAGS_LIMIT} tags."
        raise AwsError("TooManyTagsException", message, resourceName=key.arn)
    return tags
