"""Log groups: made, described, kept for a while, deleted."""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.services.logs.references import find_group, invalid, key_named, key_of, page_of
from ingle.control.services.logs.tags import check_log_tags
from ingle.protocol import AwsError, validation_error
from ingle.telemetry import RETENTION_DAYS, LogGroup, LogGroupSettings


class LogGroups:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "CreateLogGroup": self.create,
            "DeleteLogGroup": self.delete,
            "DeleteRetentionPolicy": self.delete_retention,
            "DescribeLogGroups": self.describe,
            "PutLogGroupDeletionProtection": self.put_deletion_protection,
            "PutRetentionPolicy": self.put_retention,
        }

    async def create(self, request: Request) -> Answered:
        """CreateLogGroup."""
        wanted, key = request.input, key_of(request)
        if key.name.lower().startswith("aws/"):
            raise invalid("Log groups starting with AWS/ are reserved for AWS.")
        if "kmsKeyId" in wanted:
            raise invalid(f"The specified KMS key does not exist or is not allowed to be used with Arn '{key.arn}'.")
        tags = check_log_tags(key, wanted.get("tags", {}), {})
        if self._store.find(key) is not None:
            raise AwsError("ResourceAlreadyExistsException", "The specified log group already exists")
        settings = LogGroupSettings(
            tags=tags,
            log_group_class=wanted.get("logGroupClass", "STANDARD"),
            is_protected=wanted.get("deletionProtectionEnabled", False),
        )
        self._store.create(key, settings)
        return Answered({})

    async def delete(self, request: Request) -> Answered:
        """DeleteLogGroup."""
        key = key_of(request)
        if find_group(self._store, key).settings.is_protected:
            raise AwsError("ValidationException", "The log group has deletion protection enabled.")
        await self._store.delete(key)
        return Answered({})

    async def put_deletion_protection(self, request: Request) -> Answered:
        """PutLogGroupDeletionProtection."""
        return self._change(request, is_protected=request.input["deletionProtectionEnabled"])

    async def put_retention(self, request: Request) -> Answered:
        """PutRetentionPolicy."""
        days = request.input["retentionInDays"]
        if days not in RETENTION_DAYS:
            allowed = ", ".join(map(str, RETENTION_DAYS))
            problem = (
                f"Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
                f"Member must satisfy enum value set: [{allowed}]"
            )
            raise invalid(validation_error([problem]).message)
        return self._change(request, retention_days=days)

    async def delete_retention(self, request: Request) -> Answered:
        """DeleteRetentionPolicy."""
        return self._change(request, retention_days=None)

    def _change(self, request: Request, **changes: Any) -> Answered:
        key = key_of(request)
        settings = find_group(self._store, key).settings
        self._store.change(key, msgspec.structs.replace(settings, **changes))
        return Answered({})

    async def describe(self, request: Request) -> Answered:
        """DescribeLogGroups."""
        wanted = request.input
        prefix, pattern = wanted.get("logGroupNamePrefix"), wanted.get("logGroupNamePattern")
        if prefix is not None and pattern is not None:
            raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        named = {key_named(request, one).name for one in wanted.get("logGroupIdentifiers", ())}
        found = [
            group
            for group in self._store.groups(request.account, request.region)
            if group.name.startswith(prefix or "")
            and (pattern or "") in group.name
            and (not named or group.name in named)
            and wanted.get("logGroupClass", group.settings.log_group_class) == group.settings.log_group_class
        ]
        page, token = page_of(found, wanted, lambda group: (0, group.name))
        shown = [_show(request, group, is_short=pattern is not None) for group in page]
        return Answered({"logGroups": shown, "nextToken": token})


def _show(request: Request, group: LogGroup, *, is_short: bool) -> dict[str, Any]:
    """Return a group as it is described; of groups found by a pattern AWS tells little."""
    arn = GroupKey(account=request.account, region=request.region, name=group.name).arn
    short = {"logGroupName": group.name, "creationTime": group.created_ms, "arn": f"{arn}:*"}
    if is_short:
        return short
    settings = group.settings
    return {
        **short,
        "retentionInDays": settings.retention_days,
        "metricFilterCount": len(settings.metric_filters),
        "storedBytes": group.stored_bytes,
        "logGroupClass": settings.log_group_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": settings.is_protected,
    }
