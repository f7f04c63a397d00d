"""Subscription filters: the events that match a pattern, as events for a function (CloudWatch Logs user guide).

They go through the queue of asynchronous events, with its retries; the sender of a log batch waits until they are durable.
"""

import asyncio
import base64
import gzip
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from ingle.control.events.event_queue import Delivery, EventQueue
from ingle.control.logs.log_store import Arrival, GroupKey
from ingle.functions import ServiceCall, lets_service_invoke
from ingle.queues import EventNotKeptError
from ingle.store import FunctionRepository
from ingle.telemetry import LogGroupSettings, SubscriptionFilter, event_id, parse_filter_pattern
from ingle.values import EVENT_LIMIT_BYTES, Clock, FunctionArn, new_request_id, new_trace_id, parse_function_arn

_log = structlog.get_logger("ingle.control")
_PIECE_BYTES = 384 * 1024
"""How much of messages goes into one event: compressed and in base64 it stays below what an event may hold."""
_FIELDS_BYTES = 64


class LogSubscriptions:
    """Hands what arrives to the functions that subscribe to it."""

    def __init__(self, functions: FunctionRepository, events: EventQueue, clock: Clock) -> None:
        self._functions = functions
        self._events = events
        self._clock = clock

    def may_invoke(self, key: GroupKey, arn: FunctionArn) -> bool:
        """Say whether a function is there and its policy lets Logs invoke it for a group."""
        function = self._functions.find(arn.account, arn.region, arn.name)
        if function is None or function.version_of(arn.qualifier) is None:
            return False
        call = ServiceCall(
            services=("logs.amazonaws.com", f"logs.{key.region}.amazonaws.com"),
            source_arn=f"{key.arn}:*",
            source_account=key.account,
        )
        return lets_service_invoke(function.policies.get(arn.qualifier or ""), call)

    def log_group_of(self, arn: FunctionArn) -> str | None:
        """Return the group that a function logs to."""
        function = self._functions.find(arn.account, arn.region, arn.name)
        version = function.version_of(arn.qualifier) if function is not None else None
        return (version.log_group or f"/aws/lambda/{arn.name}") if version is not None else None

    def wants(self, key: GroupKey, settings: LogGroupSettings) -> bool:
        """Say whether a group has subscription filters."""
        return bool(settings.subscription_filters)

    async def take(self, arrival: Arrival) -> None:
        """Queue what matches; what cannot be delivered leaves a line in the log.

        Patterns are tried on a thread: a slow one on long messages holds nobody else up.
        """
        for subscription in arrival.settings.subscription_filters.values():
            payloads = await asyncio.to_thread(render_events, arrival, subscription)
            if not payloads:
                continue
            arn = parse_function_arn(subscription.destination)
            if not self.may_invoke(arrival.key, arn):
                _log.warning("subscription.refused", group=arrival.key.arn, function=str(arn))
                continue
            for payload in payloads:
                if len(payload) <= EVENT_LIMIT_BYTES:
                    await self._queue(arn, payload)
                else:  # one message alone, which does not shrink
                    _log.error("subscription.too_large", group=arrival.key.arn, function=str(arn), bytes=len(payload))

    async def _queue(self, arn: FunctionArn, payload: bytes) -> None:
        trace = f"Root={new_trace_id(self._clock.now_ms() // 1000)};Sampled=0".encode()
        try:
            await self._events.accept(arn, new_request_id(), Delivery(trace=trace, payload=payload))
        except EventNotKeptError as error:
            _log.error("subscription.not_kept", function=str(arn), reason=str(error))


def render_events(arrival: Arrival, subscription: SubscriptionFilter) -> list[bytes]:
    """Return the payloads of the invocations by which a function is told of what matches."""
    matching = matching_events(arrival, subscription)
    return [render_event(arrival, subscription, piece) for piece in pieces_of(matching)] if matching else []


def matching_events(arrival: Arrival, subscription: SubscriptionFilter) -> list[dict[str, Any]]:
    """Return the events that match, as a function is told of them; columns that a pattern names come along."""
    pattern = parse_filter_pattern(subscription.pattern)
    made = []
    for event in arrival.events:
        values = pattern.extract(event.message)
        if values is None:
            continue
        told: dict[str, Any] = {"id": event_id(event), "timestamp": event.at_ms, "message": event.message}
        if pattern.has_columns:
            told["extractedFields"] = {name.removeprefix("$"): value for name, value in values.items()}
        made.append(told)
    return made


def pieces_of(events: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    """Yield events in pieces that each fit into one invocation."""
    piece: list[Mapping[str, Any]] = []
    size = 0
    for event in events:
        needed = len(event["message"].encode()) * (2 if "extractedFields" in event else 1) + _FIELDS_BYTES
        if piece and size + needed > _PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(event)
        size += needed
    yield piece


def render_event(arrival: Arrival, subscription: SubscriptionFilter, events: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the payload of an invocation."""
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": arrival.key.account,
        "logGroup": arrival.key.name,
        "logStream": arrival.stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": events,
    }
    packed = base64.b64encode(gzip.compress(msgspec.json.encode(data), 6)).decode()
    return msgspec.json.encode({"awslogs": {"data": packed}})
