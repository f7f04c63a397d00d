"""How asynchronous invocations are repeated, given up and reported: PutFunctionEventInvokeConfig and its kin."""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.references import arn_of
from ingle.functions import LATEST, EventInvokeConfig, Function, InvalidSettingError
from ingle.protocol import AwsError
from ingle.store import FunctionRepository
from ingle.values import Clock, FunctionArn, InvalidFunctionNameError, parse_function_reference

_FIELDS = {"MaximumRetryAttempts": "maximum_retry_attempts", "MaximumEventAgeInSeconds": "maximum_event_age_s"}


class EventInvokeConfigs:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(self, repository: FunctionRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {
            "DeleteFunctionEventInvokeConfig": self.delete,
            "GetFunctionEventInvokeConfig": self.get,
            "ListFunctionEventInvokeConfigs": self.list_configs,
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
        }

    async def put(self, request: Request) -> Answered:
        """PutFunctionEventInvokeConfig: what isn't given is as if it had never been."""
        config = self._wished(EventInvokeConfig(), request)
        return self._keep(*self._find(request), config)

    async def update(self, request: Request) -> Answered:
        """UpdateFunctionEventInvokeConfig: what isn't given stays."""
        self._wished(EventInvokeConfig(), request)
        function, arn = self._find(request)
        return self._keep(function, arn, self._wished(_config_of(function, arn), request))

    async def get(self, request: Request) -> Answered:
        """GetFunctionEventInvokeConfig."""
        arn = _qualified(request)
        function = self._repository.find(arn.account, arn.region, arn.name)
        return Answered(_render(arn, _config_of(function, arn)))

    async def delete(self, request: Request) -> Answered:
        """DeleteFunctionEventInvokeConfig."""
        function, arn = self._find(request)
        _config_of(function, arn)
        kept = {key: config for key, config in function.event_invoke_configs.items() if key != arn.qualifier}
        self._repository.save(msgspec.structs.replace(function, event_invoke_configs=kept))
        return Answered({}, status=204)

    async def list_configs(self, request: Request) -> Answered:
        """ListFunctionEventInvokeConfigs, by qualifier."""
        arn = arn_of(request).qualified(None)
        function = self._repository.find(arn.account, arn.region, arn.name)
        if function is None:
            raise _missing()
        after = read_marker(request.input.get("Marker"))
        found = [name for name in sorted(function.event_invoke_configs) if name > after]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        shown = [_render(arn.qualified(name), function.event_invoke_configs[name]) for name in found[:count]]
        more = {"NextMarker": make_marker(found[count - 1])} if len(found) > count else {}
        return Answered({"FunctionEventInvokeConfigs": shown, **more})

    def _find(self, request: Request) -> tuple[Function, FunctionArn]:
        """Return the function, and it with the version or alias that is meant. Raises AwsError."""
        arn = _qualified(request)
        function = self._repository.find(arn.account, arn.region, arn.name)
        if function is None or function.version_of(arn.qualifier) is None:
            raise _missing()
        return function, arn

    def _wished(self, before: EventInvokeConfig, request: Request) -> EventInvokeConfig:
        """Return a config with what a request says of it. Raises InvalidSettingError."""
        _check_given(request)
        wishes = request.input
        fields: dict[str, Any] = {field: wishes[name] for name, field in _FIELDS.items() if name in wishes}
        if "DestinationConfig" in wishes:
            for name, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
                fields[field] = wishes["DestinationConfig"].get(name, {}).get("Destination", "")
        config = msgspec.structs.replace(before, last_modified_ms=self._clock.now_ms(), **fields)
        config.check_destinations(_qualified(request))
        self._check_functions(config)
        return config

    def _keep(self, function: Function, arn: FunctionArn, config: EventInvokeConfig) -> Answered:
        configs = {**function.event_invoke_configs, arn.qualifier or LATEST: config}
        self._repository.save(msgspec.structs.replace(function, event_invoke_configs=configs))
        return Answered(_render(arn, config))

    def _check_functions(self, config: EventInvokeConfig) -> None:
        """Raises InvalidSettingError for a destination that is a function which isn't there."""
        for destination in (config.on_success, config.on_failure):
            if destination.split(":")[2:3] == ["lambda"] and not self._is_there(destination):
                raise InvalidSettingError(f"The destination ARN {destination} is invalid.")

    def _is_there(self, text: str) -> bool:
        try:
            named = parse_function_reference(text)
        except InvalidFunctionNameError:
            return False
        return self._repository.find(named.account or "", named.region or "", named.name) is not None


def _check_given(request: Request) -> None:
    if not any(name in request.input for name in (*_FIELDS, "DestinationConfig")):
        raise InvalidSettingError("You must specify at least one of error handling or destination setting.")


def _qualified(request: Request) -> FunctionArn:
    arn = arn_of(request)
    return arn.qualified(arn.qualifier or LATEST)


def _missing() -> AwsError:
    return AwsError("ResourceNotFoundException", "The function doesn't exist.")


def _config_of(function: Function | None, arn: FunctionArn) -> EventInvokeConfig:
    config = function.event_invoke_configs.get(arn.qualifier or LATEST) if function is not None else None
    if config is None:
        raise AwsError("ResourceNotFoundException", f"The function {arn} doesn't have an EventInvokeConfig")
    return config


def _render(arn: FunctionArn, config: EventInvokeConfig) -> dict[str, Any]:
    ends = (("OnSuccess", config.on_success), ("OnFailure", config.on_failure))
    return {
        "LastModified": config.last_modified_ms / 1000,
        "FunctionArn": str(arn),
        "MaximumRetryAttempts": config.maximum_retry_attempts,
        "MaximumEventAgeInSeconds": config.maximum_event_age_s,
        "DestinationConfig": {name: {"Destination": arn} if arn else {} for name, arn in ends},
    }
