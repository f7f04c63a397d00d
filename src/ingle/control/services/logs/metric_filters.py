"""Metric filters: kept and shown, and their patterns tried on sample messages. The metrics themselves come later."""

import asyncio
from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.logs.log_store import LogStore
from ingle.control.services.logs.filters import check_can_filter, check_expressions
from ingle.control.services.logs.references import find_group, invalid, key_of, page_of
from ingle.protocol import AwsError
from ingle.telemetry import (
    InvalidFilterPatternError,
    LogGroup,
    MetricFilter,
    MetricTransformation,
    parse_filter_pattern,
)
from ingle.values import Clock

_FILTERS_LIMIT = 100
_DIMENSIONS_LIMIT = 3


class MetricFilters:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, store: LogStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {
            "DeleteMetricFilter": self.delete,
            "DescribeMetricFilters": self.describe,
            "PutMetricFilter": self.put,
            "TestMetricFilter": self.test,
        }

    async def put(self, request: Request) -> Answered:
        """PutMetricFilter."""
        wanted, key = request.input, key_of(request)
        group = find_group(self._store, key)
        check_can_filter(group)
        text, name = wanted["filterPattern"], wanted["filterName"]
        _check_pattern(text)
        made = MetricFilter(
            name=name,
            pattern=text,
            transformation=_read_transformation(wanted["metricTransformations"][0]),
            created_ms=self._clock.now_ms(),
        )
        held = {**group.settings.metric_filters, name: made}
        if len(held) > _FILTERS_LIMIT:
            raise AwsError("LimitExceededException", "Resource limit exceeded.")
        changed = msgspec.structs.replace(group.settings, metric_filters=held)
        check_expressions(changed)
        self._store.change(key, changed)
        return Answered({})

    async def delete(self, request: Request) -> Answered:
        """DeleteMetricFilter."""
        key, name = key_of(request), request.input["filterName"]
        settings = find_group(self._store, key).settings
        if name not in settings.metric_filters:
            raise AwsError("ResourceNotFoundException", "The specified metric filter does not exist.")
        held = {other: one for other, one in settings.metric_filters.items() if other != name}
        self._store.change(key, msgspec.structs.replace(settings, metric_filters=held))
        return Answered({})

    async def describe(self, request: Request) -> Answered:
        """DescribeMetricFilters: of one group or of all, by name or by metric."""
        wanted = request.input
        metric, namespace = wanted.get("metricName"), wanted.get("metricNamespace")
        if (metric is None) != (namespace is None):
            raise invalid("metricName and metricNamespace must be given together.")
        if "logGroupName" in wanted:
            groups = [find_group(self._store, key_of(request))]
        else:
            groups = self._store.groups(request.account, request.region)
        found = [
            (group, one)
            for group in groups
            for one in group.settings.metric_filters.values()
            if one.name.startswith(wanted.get("filterNamePrefix", ""))
            and (metric is None or (one.transformation.name, one.transformation.namespace) == (metric, namespace))
        ]
        found.sort(key=_rank)
        page, token = page_of(found, wanted, _rank)
        return Answered({"metricFilters": [_show(group, one) for group, one in page], "nextToken": token})

    async def test(self, request: Request) -> Answered:
        """TestMetricFilter."""
        text = request.input["filterPattern"]
        _check_pattern(text)
        matches = await asyncio.to_thread(_matches, text, request.input["logEventMessages"])
        return Answered({"matches": matches})


def _matches(text: str, messages: list[str]) -> list[dict[str, Any]]:
    """Return the messages that match, as TestMetricFilter shows them; it may take a while."""
    pattern = parse_filter_pattern(text)
    return [
        {"eventNumber": number, "eventMessage": message, "extractedValues": dict(values)}
        for number, message in enumerate(messages, 1)
        if (values := pattern.extract(message)) is not None
    ]


def _rank(pair: tuple[LogGroup, MetricFilter]) -> tuple[int, str]:
    return 0, f"{pair[1].name}:{pair[0].name}"


def _check_pattern(text: str) -> None:
    """Raises AwsError for what is no pattern, in the words of metric filters."""
    try:
        parse_filter_pattern(text)
    except InvalidFilterPatternError as error:
        raise invalid(str(error).replace("Invalid filter pattern", "Invalid metric filter pattern")) from None


def _read_transformation(wanted: dict[str, Any]) -> MetricTransformation:
    dimensions, default = wanted.get("dimensions"), wanted.get("defaultValue")
    if dimensions and default is not None:
        raise invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
    if dimensions and len(dimensions) > _DIMENSIONS_LIMIT:
        raise invalid(f"Invalid metric transformation: a metric can have {_DIMENSIONS_LIMIT} dimensions.")
    return MetricTransformation(
        name=wanted["metricName"],
        namespace=wanted["metricNamespace"],
        value=wanted["metricValue"],
        default=default,
        dimensions=dimensions,
        unit=wanted.get("unit"),
    )


def _show(group: LogGroup, one: MetricFilter) -> dict[str, Any]:
    transformation = one.transformation
    return {
        "filterName": one.name,
        "filterPattern": one.pattern,
        "metricTransformations": [
            {
                "metricName": transformation.name,
                "metricNamespace": transformation.namespace,
                "metricValue": transformation.value,
                "defaultValue": transformation.default,
                "dimensions": transformation.dimensions,
                "unit": transformation.unit,
            }
        ],
        "creationTime": one.created_ms,
        "logGroupName": group.name,
        "applyOnTransformedLogs": False,
    }
