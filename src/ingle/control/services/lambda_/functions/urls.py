"""Function URLs: CreateFunctionUrlConfig and its kin (API reference, section 11)."""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.config import UrlSettings
from ingle.control.routes.publisher import Publisher
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.references import arn_of
from ingle.functions import (
    LATEST,
    Function,
    FunctionDoesNotExistError,
    FunctionUrl,
    FunctionUrlExistsError,
    FunctionUrlNotFoundError,
    InvalidSettingError,
    new_url_id,
)
from ingle.store import FunctionRepository
from ingle.values import Clock, Cors, iso_time

_CORS_MEMBERS = {
    "AllowCredentials": "allow_credentials",
    "AllowHeaders": "allow_headers",
    "AllowMethods": "allow_methods",
    "AllowOrigins": "allow_origins",
    "ExposeHeaders": "expose_headers",
    "MaxAge": "max_age",
}
_SETTINGS = {"AuthType": "auth_type", "InvokeMode": "invoke_mode"}


class FunctionUrls:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(
        self, repository: FunctionRepository, publisher: Publisher, clock: Clock, settings: UrlSettings
    ) -> None:
        self._repository = repository
        self._publisher = publisher
        self._clock = clock
        self._settings = settings

    def handlers(self) -> dict[str, Handler]:
        return {
            "CreateFunctionUrlConfig": self.create,
            "DeleteFunctionUrlConfig": self.delete,
            "GetFunctionUrlConfig": self.get,
            "ListFunctionUrlConfigs": self.list_urls,
            "UpdateFunctionUrlConfig": self.update,
        }

    async def create(self, request: Request) -> Answered:
        """CreateFunctionUrlConfig; the URL serves when this returns, as far as policies let anybody in."""
        fields = _fields(request.input)
        function, qualifier = self._function(request)
        if function.tenant_isolation_mode:
            raise InvalidSettingError("Function URLs are not supported for functions with tenancy configuration.")
        if qualifier in function.urls:
            raise FunctionUrlExistsError(_arn(function, qualifier))
        now = self._clock.now_ms()
        url = FunctionUrl(url_id=new_url_id(), created_ms=now, modified_ms=now, **fields)
        await self._keep(function.with_url(qualifier, url))
        shown = self._show(request, function, qualifier, url)
        del shown["LastModifiedTime"]
        return Answered(_unless_asked(shown, request))

    async def get(self, request: Request) -> Answered:
        """GetFunctionUrlConfig."""
        return Answered(self._show(request, *self._find(request)))

    async def update(self, request: Request) -> Answered:
        """UpdateFunctionUrlConfig: what isn't given stays, Cors is replaced as a whole."""
        fields = _fields(request.input)
        function, qualifier, url = self._find(request)
        changed = msgspec.structs.replace(url, modified_ms=self._clock.now_ms(), **fields)
        await self._keep(function.with_url(qualifier, changed))
        return Answered(_unless_asked(self._show(request, function, qualifier, changed), request))

    async def delete(self, request: Request) -> Answered:
        """DeleteFunctionUrlConfig; the id is never used again."""
        function, qualifier, _ = self._find(request)
        await self._keep(function.without_url(qualifier))
        return Answered({}, status=204)

    async def list_urls(self, request: Request) -> Answered:
        """ListFunctionUrlConfigs: the function's own first, then those of its aliases by name."""
        function, _ = self._function(request)
        after = read_marker(request.input.get("Marker"))
        found = [name for name in sorted(function.urls) if name > after and _is_there(function, name)]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        shown = [self._show(request, function, name, function.urls[name]) for name in found[:count]]
        more = {"NextMarker": make_marker(found[count - 1])} if len(found) > count else {}
        return Answered({"FunctionUrlConfigs": shown, **more})

    def _function(self, request: Request) -> tuple[Function, str]:
        """Return the function and the name under which it keeps the URL of the qualifier."""
        arn = arn_of(request)
        function = self._repository.find(arn.account, arn.region, arn.name)
        if function is None or not _is_there(function, arn.qualifier or LATEST):
            raise FunctionDoesNotExistError
        return function, arn.qualifier or LATEST

    def _find(self, request: Request) -> tuple[Function, str, FunctionUrl]:
        arn = arn_of(request)
        function = self._repository.find(arn.account, arn.region, arn.name)
        qualifier = arn.qualifier or LATEST
        if function is None or qualifier not in function.urls or not _is_there(function, qualifier):
            raise FunctionUrlNotFoundError
        return function, qualifier, function.urls[qualifier]

    async def _keep(self, function: Function) -> None:
        self._repository.save(function)
        await self._publisher.announce(function)

    def _show(self, request: Request, function: Function, qualifier: str, url: FunctionUrl) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "FunctionUrl": self._settings.url_of(
                url.url_id, function.region, by_https=request.endpoint.startswith("https:")
            ),
            "FunctionArn": _arn(function, qualifier),
            "AuthType": url.auth_type,
            "CreationTime": iso_time(url.created_ms),
            "LastModifiedTime": iso_time(url.modified_ms),
            "InvokeMode": url.invoke_mode,
        }
        if url.cors is not None:
            shown["Cors"] = _show_cors(url.cors)
        return shown


def _unless_asked(shown: dict[str, Any], request: Request) -> dict[str, Any]:
    """Return what a change answers: it tells of the invoke mode where that was asked for, as Lambda does."""
    return {name: value for name, value in shown.items() if name != "InvokeMode" or name in request.input}


def _is_there(function: Function, qualifier: str) -> bool:
    """Say whether a qualifier can have a URL: `$LATEST`, or an alias that is there."""
    return qualifier == LATEST or qualifier in function.aliases


def _arn(function: Function, qualifier: str) -> str:
    return str(function.arn.qualified(None if qualifier == LATEST else qualifier))


def _fields(wishes: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {field: wishes[name] for name, field in _SETTINGS.items() if name in wishes}
    if "Cors" in wishes:
        given = {field: wishes["Cors"][name] for name, field in _CORS_MEMBERS.items() if name in wishes["Cors"]}
        made: dict[str, Any] = {field: _frozen(value) for field, value in given.items()}
        fields["cors"] = Cors(**made) if made else None
    return fields


def _frozen(value: Any) -> Any:
    """Return a setting as it is kept. Raises InvalidSettingError for text that can't be in a header."""
    if not isinstance(value, list):
        return value
    for text in value:
        if not text.isprintable():
            raise InvalidSettingError("Cors holds a character that no header of HTTP can have.")
    return tuple(value)


def _show_cors(cors: Cors) -> dict[str, Any]:
    held = {name: getattr(cors, field) for name, field in _CORS_MEMBERS.items()}
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in held.items() if value is not None
    }
