"""Subscription filters: put, described, deleted; `control/log_subscriptions` delivers by them."""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.events.log_subscriptions import LogSubscriptions
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.control.services.logs.filters import check_can_filter, check_expressions
from ingle.control.services.logs.references import find_group, invalid, key_of, page_of
from ingle.protocol import AwsError
from ingle.telemetry import SubscriptionFilter, parse_filter_pattern
from ingle.values import Clock, FunctionArn, InvalidFunctionNameError, parse_function_arn

_FILTERS_LIMIT = 2
_REFUSED = {
    "kinesis": "Could not deliver test message to specified Kinesis stream. "
    "Check if the given kinesis stream is in ACTIVE state.",
    "firehose": "Could not deliver test message to specified Firehose stream. "
    "Check if the given Firehose stream is in ACTIVE state.",
}
"""What AWS says of streams that are not there: Ingle has none."""


class SubscriptionFilters:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore, subscriptions: LogSubscriptions, clock: Clock) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "DeleteSubscriptionFilter": self.delete,
            "DescribeSubscriptionFilters": self.describe,
            "PutSubscriptionFilter": self.put,
        }

    async def put(self, request: Request) -> Answered:
        """PutSubscriptionFilter: to a function of the same account and region."""
        wanted, key = request.input, key_of(request)
        group = find_group(self._store, key)
        check_can_filter(group)
        parse_filter_pattern(wanted["filterPattern"])
        self._check_destination(key, wanted)
        name, held = wanted["filterName"], group.settings.subscription_filters
        before = held.get(name)
        if before is None and len(held) >= _FILTERS_LIMIT:
            raise AwsError("LimitExceededException", "Resource limit exceeded.")
        made = SubscriptionFilter(
            name=name,
            pattern=wanted["filterPattern"],
            destination=wanted["destinationArn"],
            distribution=wanted.get("distribution", "ByLogStream"),
            created_ms=before.created_ms if before is not None else self._clock.now_ms(),
        )
        changed = msgspec.structs.replace(group.settings, subscription_filters={**held, name: made})
        check_expressions(changed)
        self._store.change(key, changed)
        return Answered({})

    def _check_destination(self, key: GroupKey, wanted: dict[str, Any]) -> None:
        """Raises AwsError where nothing can be delivered to a destination."""
        arn = _read_destination(wanted["destinationArn"])
        if "roleArn" in wanted:
            raise invalid("destinationArn for vendor lambda cannot be used with roleArn")
        if (arn.account, arn.region) != (key.account, key.region) or not self._subscriptions.may_invoke(key, arn):
            raise invalid(
                "Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to "
                "execute your function."
            )
        if self._subscriptions.log_group_of(arn) == key.name:
            raise invalid("The log group provided is reserved for the function logs of the destination function.")

    async def delete(self, request: Request) -> Answered:
        """DeleteSubscriptionFilter."""
        key, name = key_of(request), request.input["filterName"]
        settings = find_group(self._store, key).settings
        if name not in settings.subscription_filters:
            raise AwsError("ResourceNotFoundException", "The specified subscription filter does not exist.")
        held = {other: one for other, one in settings.subscription_filters.items() if other != name}
        self._store.change(key, msgspec.structs.replace(settings, subscription_filters=held))
        return Answered({})

    async def describe(self, request: Request) -> Answered:
        """DescribeSubscriptionFilters."""
        wanted, key = request.input, key_of(request)
        prefix = wanted.get("filterNamePrefix", "")
        held = find_group(self._store, key).settings.subscription_filters.values()
        found = sorted((one for one in held if one.name.startswith(prefix)), key=_rank)
        page, token = page_of(found, wanted, _rank)
        return Answered({"subscriptionFilters": [_show(key, one) for one in page], "nextToken": token})


def _rank(one: SubscriptionFilter) -> tuple[int, str]:
    return 0, one.name


def _read_destination(text: str) -> FunctionArn:
    parts = text.split(":")
    service = parts[2] if len(parts) > 5 and parts[0] == "arn" else ""
    if service in _REFUSED:
        raise invalid(_REFUSED[service])
    try:
        return parse_function_arn(text)
    except InvalidFunctionNameError:
        raise invalid("The specified destination ARN is invalid.") from None


def _show(key: GroupKey, one: SubscriptionFilter) -> dict[str, Any]:
    return {
        "filterName": one.name,
        "logGroupName": key.name,
        "filterPattern": one.pattern,
        "destinationArn": one.destination,
        "distribution": one.distribution,
        "applyOnTransformedLogs": False,
        "creationTime": one.created_ms,
    }
