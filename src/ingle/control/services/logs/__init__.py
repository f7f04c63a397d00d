"""CloudWatch Logs: a module a resource."""

from ingle.control.services.logs.events import LogEvents
from ingle.control.services.logs.groups import LogGroups
from ingle.control.services.logs.live_tail import LiveTail
from ingle.control.services.logs.metric_filters import MetricFilters
from ingle.control.services.logs.streams import LogStreams
from ingle.control.services.logs.subscription_filters import SubscriptionFilters
from ingle.control.services.logs.tags import LogTags

__all__ = ["LiveTail", "LogEvents", "LogGroups", "LogStreams", "LogTags", "MetricFilters", "SubscriptionFilters"]
