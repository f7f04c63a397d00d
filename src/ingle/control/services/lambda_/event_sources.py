"""Event source mappings: CreateEventSourceMapping and its kin."""

import uuid
from collections.abc import Mapping
from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.markers import make_marker, read_marker
from ingle.control.services.lambda_.references import read_arn
from ingle.control.services.lambda_.tags import Change
from ingle.functions import (
    KINDS,
    LATEST,
    NO_POLLER,
    SETTINGS,
    EventSourceMapping,
    InvalidSettingError,
    MappingExistsError,
    MappingState,
    check_settings,
    check_tags,
    kind_of,
)
from ingle.protocol import AwsError
from ingle.store import EventSourceRepository, FunctionRepository
from ingle.values import Clock, FunctionArn

_PAGE = 100
_MERGED = ("AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig")
_CLEARED_BY_NOTHING = ("ScalingConfig", "FilterCriteria", "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig")


class EventSources:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, mappings: EventSourceRepository, functions: FunctionRepository, clock: Clock) -> None:
        self._mappings = mappings
        self._functions = functions
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateEventSourceMapping": self.create,
            "DeleteEventSourceMapping": self.delete,
            "GetEventSourceMapping": self.get,
            "ListEventSourceMappings": self.list_mappings,
            "UpdateEventSourceMapping": self.update,
        }

    async def create(self, request: Request) -> Answered:
        """CreateEventSourceMapping."""
        wishes, identifier, now = request.input, str(uuid.uuid4()), self._clock.now_ms()
        kind = kind_of(wishes)
        settings = _settle({**KINDS[kind].defaults, **_settings_of(wishes)})
        if group := {"msk": _MERGED[0], "kafka": _MERGED[1]}.get(kind):
            settings[group] = {"ConsumerGroupId": identifier, **settings.get(group, {})}
        check_settings(kind, settings, now)
        mapping = EventSourceMapping(
            account=request.account,
            region=request.region,
            uuid=identifier,
            function=str(self._function(request)),
            kind=kind,
            settings=settings,
            is_enabled=wishes.get("Enabled", True),
            last_modified_ms=now,
            tags=check_tags(wishes.get("Tags", {})),
        )
        self._check_new(mapping)
        self._mappings.save(mapping)
        return Answered(_render(mapping))

    async def update(self, request: Request) -> Answered:
        """UpdateEventSourceMapping: what isn't given stays."""
        mapping, wishes, now = self._find(request, request.input["UUID"]), request.input, self._clock.now_ms()
        given = _settings_of(wishes)
        given |= {name: {**mapping.settings.get(name, {}), **given[name]} for name in _MERGED if name in given}
        settings = _settle({**mapping.settings, **given})
        check_settings(mapping.kind, settings, now)
        function = str(self._function(request)) if "FunctionName" in wishes else mapping.function
        is_enabled = wishes.get("Enabled", mapping.is_enabled)
        changed = mapping.changed(now, settings=settings, function=function, is_enabled=is_enabled)
        self._check_new(changed)
        self._mappings.save(changed)
        return Answered(_render(changed))

    async def get(self, request: Request) -> Answered:
        """GetEventSourceMapping."""
        return Answered(_render(self._find(request, request.input["UUID"])))

    async def delete(self, request: Request) -> Answered:
        """DeleteEventSourceMapping; the mapping is seen on its way out for a moment."""
        mapping = self._find(request, request.input["UUID"]).deleted(self._clock.now_ms())
        self._mappings.save(mapping)
        return Answered(_render(mapping))

    async def list_mappings(self, request: Request) -> Answered:
        """ListEventSourceMappings, of a source, a function (or a version, or an alias), both or neither."""
        wanted, after = request.input, read_marker(request.input.get("Marker"))
        function = _unlatest(read_arn(request, wanted["FunctionName"])) if "FunctionName" in wanted else None
        found = [
            mapping
            for mapping in self._present(request)
            if mapping.uuid > after
            and wanted.get("EventSourceArn") in (None, mapping.source)
            and (function is None or mapping.is_for(function))
        ]
        count = min(wanted.get("MaxItems", _PAGE), _PAGE)
        more = {"NextMarker": make_marker(found[count - 1].uuid)} if len(found) > count else {}
        return Answered({"EventSourceMappings": [_render(mapping) for mapping in found[:count]], **more})

    # tags

    def tags(self, request: Request, arn: str) -> Mapping[str, str]:
        """Return a mapping's tags."""
        return self._find_by_arn(request, arn).tags

    async def change_tags(self, request: Request, arn: str, change: Change) -> None:
        """Change a mapping's tags."""
        mapping = self._find_by_arn(request, arn)
        self._mappings.save(msgspec.structs.replace(mapping, tags=change(mapping.tags)))

    # finding

    def _find(self, request: Request, identifier: str) -> EventSourceMapping:
        mapping = self._mappings.find(request.account, request.region, identifier)
        seen = self._seen(mapping) if mapping is not None else None
        if seen is None:
            raise AwsError("ResourceNotFoundException", "The resource you requested does not exist.")
        return seen

    def _find_by_arn(self, request: Request, arn: str) -> EventSourceMapping:
        found = self._mappings.find(request.account, request.region, arn.rpartition(":")[2])
        mapping = self._seen(found) if found is not None else None
        if mapping is None or mapping.arn != arn:
            raise AwsError("ResourceNotFoundException", f"Event source mapping not found: {arn}")
        return mapping

    def _present(self, request: Request) -> list[EventSourceMapping]:
        every = map(self._seen, self._mappings.of_region(request.account, request.region))
        return [mapping for mapping in every if mapping is not None]

    def _seen(self, mapping: EventSourceMapping) -> EventSourceMapping | None:
        """Return a mapping as it is now; one that has had the time to go is removed."""
        seen = mapping.seen_at(self._clock.now_ms())
        if seen is None:
            self._mappings.remove(mapping.account, mapping.region, mapping.uuid)
        return seen

    def _function(self, request: Request) -> FunctionArn:
        """Return the function, version or alias that shall get the events. Raises InvalidSettingError, AwsError."""
        arn = read_arn(request, request.input["FunctionName"])
        function = self._functions.find(arn.account, arn.region, arn.name)
        if function is None or function.version_of(arn.qualifier) is None:
            raise InvalidSettingError("Function does not exist")
        return _unlatest(arn)

    def _check_new(self, wanted: EventSourceMapping) -> None:
        """Raises MappingExistsError where another mapping leads from the same source to the same function."""
        for other in map(self._seen, self._mappings.of_region(wanted.account, wanted.region)):
            if other is None or other.uuid == wanted.uuid or other.function != wanted.function:
                continue
            if all(other.settings.get(name) == wanted.settings.get(name) for name in _SOURCE):
                name = wanted.function.split(":function:")[1]
                raise MappingExistsError(wanted.source or "", name, other.uuid, is_queue=wanted.kind == "sqs")


_SOURCE = ("EventSourceArn", "SelfManagedEventSource", "Topics", "Queues", "DocumentDBEventSourceConfig")


def _unlatest(arn: FunctionArn) -> FunctionArn:
    return arn.qualified(None if arn.qualifier == LATEST else arn.qualifier)


def _settings_of(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings among a request's members. Raises InvalidSettingError for what Ingle can't honour yet."""
    if wishes.get("KMSKeyArn"):
        raise InvalidSettingError("Ingle does not support customer managed keys yet: leave KMSKeyArn out.")
    return {name: value for name, value in wishes.items() if name in SETTINGS}


def _settle(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings without those that were cleared by an empty value."""
    return {
        name: value
        for name, value in settings.items()
        if name not in _CLEARED_BY_NOTHING or (value and value != {"Filters": []})
    }


def _render(mapping: EventSourceMapping) -> dict[str, Any]:
    """Return an EventSourceMappingConfiguration."""
    kind = KINDS[mapping.kind]
    is_waiting = mapping.state is MappingState.ENABLED  # for a poller, which would make it so
    shown = {
        "UUID": mapping.uuid,
        **mapping.settings,
        "FunctionArn": mapping.function,
        "EventSourceMappingArn": mapping.arn,
        "LastModified": mapping.last_modified_ms / 1000,
        "State": (MappingState.DISABLED if is_waiting else mapping.state).value,
        "StateTransitionReason": f"{kind.reason}. {NO_POLLER}" if is_waiting else kind.reason,
    }
    if "DestinationConfig" in shown:
        shown["DestinationConfig"] = {"OnFailure": shown["DestinationConfig"].get("OnFailure", {})}
    if "StartingPosition" in shown:
        shown["LastProcessingResult"] = "No records processed"
    return shown
