"""Log events as they arrive for one group or another."""

from ingle.control.logs.log_store import Arrival, GroupKey
from ingle.telemetry import LogEvent, LogGroupSettings

GROUP = GroupKey(account="000000000000", region="us-east-1", name="g")
OTHER = GroupKey(account="000000000000", region="us-east-1", name="other")
SETTINGS = LogGroupSettings()


def arrival(stream: str, *messages: str, key: GroupKey = GROUP) -> Arrival:
    events = [
        LogEvent(stream=stream, at_ms=at, message=message, position=at, ingested_ms=9)
        for at, message in enumerate(messages)
    ]
    return Arrival(key=key, settings=SETTINGS, stream=stream, events=events)
