"""Functions and versions as they are shown: GetFunction, the lists and their kin."""

from typing import Any

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.code.code_store import CodeStore
from ingle.control.code.downloads import Downloads
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.references import arn_of, find_function
from ingle.control.services.lambda_.rendering import render_configuration, render_listed
from ingle.functions import LATEST, Function, FunctionNotFoundError, InvalidSettingError, Version
from ingle.store import FunctionRepository


class FunctionViews:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(
        self, repository: FunctionRepository, code: CodeStore, downloads: Downloads, runtimes: list[str]
    ) -> None:
        self._repository = repository
        self._code = code
        self._downloads = downloads
        self._runtimes = runtimes

    def handlers(self) -> dict[str, Handler]:
        return {
            "GetFunction": self.get,
            "GetFunctionConfiguration": self.get_configuration,
            "ListFunctions": self.list_functions,
            "ListVersionsByFunction": self.list_versions,
        }

    def _find(self, request: Request) -> tuple[Function, Version, str | None]:
        """Return function, version, and the qualifier that was given."""
        arn = arn_of(request)
        function = find_function(self._repository, arn)
        version = function.version_of(arn.qualifier)
        if version is None:
            raise FunctionNotFoundError(arn)
        return function, version, arn.qualifier

    def _show(self, function: Function, version: Version, *, qualifier: str | None = None) -> dict[str, Any]:
        variables = self._code.open_variables(function.arn, version)
        return render_configuration(function, version, variables, self._runtimes, qualifier=qualifier)

    async def get(self, request: Request) -> Answered:
        """GetFunction."""
        function, version, qualifier = self._find(request)
        location = self._downloads.url_of_function(request.endpoint, function, version.code.sha256)
        shown: dict[str, Any] = {
            "Configuration": self._show(function, version, qualifier=qualifier),
            "Code": {"RepositoryType": "S3", "Location": location},
        }
        if function.tags:
            shown["Tags"] = function.tags
        if function.reserved_concurrency is not None:
            shown["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return Answered(shown)

    async def get_configuration(self, request: Request) -> Answered:
        """GetFunctionConfiguration."""
        function, version, qualifier = self._find(request)
        return Answered(self._show(function, version, qualifier=qualifier))

    async def list_functions(self, request: Request) -> Answered:
        """ListFunctions. No function is the copy of one in another region, which is what MasterRegion asks for."""
        wanted, with_versions = request.input, request.input.get("FunctionVersion") == "ALL"
        if "MasterRegion" in wanted and not with_versions:
            raise InvalidSettingError("MasterRegion can be given only where FunctionVersion is ALL.")
        if wanted.get("MasterRegion") not in (None, "ALL", request.region):
            return Answered({"Functions": []})
        count = min(wanted.get("MaxItems", PAGE), PAGE)
        name, _, version = read_marker(wanted.get("Marker")).partition(":")
        page = self._repository.page(request.account, request.region, name, count + 1)
        begun = self._repository.find(request.account, request.region, name) if version else None
        found = [
            (function, one)
            for function in ([begun] if begun is not None else []) + page
            for one in (function.versions.values() if with_versions else [function.latest])
            if function is not begun or _is_behind(one.version, version)
        ]
        shown = [
            render_listed(self._show(function, one, qualifier=one.version if with_versions else None))
            for function, one in found[:count]
        ]
        if len(found) <= count:
            return Answered({"Functions": shown})
        function, one = found[count - 1]
        marker = make_marker(f"{function.name}:{one.version}" if with_versions else function.name)
        return Answered({"Functions": shown, "NextMarker": marker})

    async def list_versions(self, request: Request) -> Answered:
        """ListVersionsByFunction."""
        function = find_function(self._repository, arn_of(request).qualified(None))
        versions = list(function.versions.values())
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        after = read_marker(request.input.get("Marker"))
        names = [version.version for version in versions]
        start = sum(not _is_behind(one, after) for one in names) if after else 0
        page = versions[start : start + count]
        shown = [render_listed(self._show(function, one, qualifier=one.version)) for one in page]
        is_more = start + count < len(versions)
        more = {"NextMarker": make_marker(names[start + count - 1])} if is_more else {}
        return Answered({"Versions": shown, **more})


def _is_behind(name: str, marker: str) -> bool:
    """Say whether a version is listed behind the one of a marker, which may have been deleted meanwhile."""
    if name == LATEST or marker == LATEST:
        return name != LATEST
    return not marker.isdecimal() or int(name) > int(marker)
