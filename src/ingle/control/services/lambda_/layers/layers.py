"""Layers: PublishLayerVersion and its kin."""

from typing import Any

import msgspec

from ingle.control.api.request import Answered, Handler, Request
from ingle.control.code.code_store import Chosen, CodeStore
from ingle.control.code.downloads import Downloads
from ingle.control.services.lambda_.functions.uploads import Uploads
from ingle.control.services.lambda_.markers import PAGE, make_marker, read_marker
from ingle.control.services.lambda_.rendering import render_signature, render_time
from ingle.functions import InvalidSettingError, Layer, LayerVersion, LayerVersionNotFoundError, check_layers
from ingle.protocol import AwsError
from ingle.store import LayerRepository
from ingle.values import Clock, LayerArn, parse_layer_arn


def choose_layers(layers: LayerRepository, region: str, wanted: list[str]) -> Chosen:
    """Return the layer versions that a function of this region names. Raises InvalidSettingError."""
    arns = [parse_layer_arn(text) for text in wanted]
    check_layers(arns, region)
    chosen = []
    for arn in arns:
        layer = layers.find(arn.account, arn.region, arn.name)
        version = layer.versions.get(arn.version or 0) if layer is not None else None
        if version is None:
            raise InvalidSettingError(f"Layer version {arn} does not exist.")
        chosen.append((arn, version))
    return chosen


def layer_arn_of(request: Request) -> LayerArn:
    """Return the layer that a request names, by name or ARN. Raises LayerVersionNotFoundError."""
    given = request.input["LayerName"]
    if not given.startswith("arn:"):
        return LayerArn(region=request.region, account=request.account, name=given)
    arn = parse_layer_arn(given)
    if arn.region != request.region:
        raise LayerVersionNotFoundError
    return arn


class Layers:
    """The handlers; each takes a checked request and returns the members of its response."""

    def __init__(
        self, repository: LayerRepository, code: CodeStore, uploads: Uploads, downloads: Downloads, clock: Clock
    ) -> None:
        self._repository = repository
        self._code = code
        self._uploads = uploads
        self._downloads = downloads
        self._clock = clock

    def handlers(self) -> dict[str, Handler]:
        return {
            "DeleteLayerVersion": self.delete,
            "GetLayerVersion": self.get,
            "GetLayerVersionByArn": self.get_by_arn,
            "ListLayerVersions": self.list_versions,
            "ListLayers": self.list_layers,
            "PublishLayerVersion": self.publish,
        }

    def _layer(self, arn: LayerArn) -> Layer:
        found = self._repository.find(arn.account, arn.region, arn.name)
        return found or Layer(account=arn.account, region=arn.region, name=arn.name)

    def _numbered(self, request: Request) -> tuple[Layer, int]:
        number = request.input["VersionNumber"]
        if number < 1:
            raise InvalidSettingError("Layer Version Cannot be less than 1")
        return self._layer(layer_arn_of(request)), number

    async def publish(self, request: Request) -> Answered:
        """PublishLayerVersion."""
        wishes, arn = request.input, layer_arn_of(request)
        if arn.account != request.account:
            raise AwsError(
                "AccessDeniedException",
                f"User: {request.principal.arn} is not authorized to perform: lambda:PublishLayerVersion on resource:"
                f" {arn}",
            )
        made = await self._code.keep_layer(
            arn,
            await self._uploads.zip_of(wishes["Content"], request.region, "layer content"),
            created_ms=self._clock.now_ms(),
            description=wishes.get("Description", ""),
            license_info=wishes.get("LicenseInfo"),
            runtimes=_named_ones(wishes, "CompatibleRuntimes"),
            architectures=_named_ones(wishes, "CompatibleArchitectures"),
        )
        layer = self._layer(arn)  # others may have been published meanwhile
        version = msgspec.structs.replace(made, version=layer.next_version)
        self._repository.save(layer.with_version(version))
        return Answered(self._show(request, layer, version))

    async def get(self, request: Request) -> Answered:
        """GetLayerVersion."""
        return self._get(request, *self._numbered(request))

    async def get_by_arn(self, request: Request) -> Answered:
        """GetLayerVersionByArn."""
        arn = parse_layer_arn(request.input["Arn"])
        if arn.region != request.region or not arn.version:
            raise LayerVersionNotFoundError
        return self._get(request, self._layer(arn), arn.version)

    def _get(self, request: Request, layer: Layer, number: int) -> Answered:
        version = layer.versions.get(number)
        if version is None:
            raise LayerVersionNotFoundError
        return Answered(self._show(request, layer, version))

    def _show(self, request: Request, layer: Layer, version: LayerVersion) -> dict[str, Any]:
        """Return a layer version with its content, as it is published and got."""
        location = self._downloads.url_of_layer(request.endpoint, layer, version.version)
        content = {
            "Location": location,
            "CodeSha256": version.sha256,
            "CodeSize": version.size_bytes,
            **render_signature(layer.account, layer.region, version.signature),
        }
        return {**_describe(layer, version), "LayerArn": str(layer.arn), "Content": content}

    async def list_layers(self, request: Request) -> Answered:
        """ListLayers: each that has a version which suits, with the newest of these."""
        suiting = [
            (layer, _suiting(request, layer)) for layer in self._repository.of_region(request.account, request.region)
        ]
        after = read_marker(request.input.get("Marker"))
        found = [(layer, versions[0]) for layer, versions in suiting if versions and layer.name > after]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        shown = [
            {
                "LayerName": layer.name,
                "LayerArn": str(layer.arn),
                "LatestMatchingVersion": _describe(layer, version),
            }
            for layer, version in found[:count]
        ]
        more = {"NextMarker": make_marker(found[count - 1][0].name)} if len(found) > count else {}
        return Answered({"Layers": shown, **more})

    async def list_versions(self, request: Request) -> Answered:
        """ListLayerVersions, the newest first; a layer that nobody has published has none."""
        layer = self._layer(layer_arn_of(request))
        after = read_marker(request.input.get("Marker"))
        below = int(after) if after.isdecimal() else layer.next_version
        found = [version for version in _suiting(request, layer) if version.version < below]
        count = min(request.input.get("MaxItems", PAGE), PAGE)
        more = {"NextMarker": make_marker(str(found[count - 1].version))} if len(found) > count else {}
        return Answered({"LayerVersions": [_describe(layer, version) for version in found[:count]], **more})

    async def delete(self, request: Request) -> Answered:
        """DeleteLayerVersion; it is no error that there is none. Functions that have it go on."""
        layer, number = self._numbered(request)
        version = layer.versions.get(number)
        if version is not None:
            self._repository.save(layer.without_version(number))
            self._code.delete_layer_version(version)
        return Answered({}, status=204)


def _named_ones(wishes: dict[str, Any], name: str) -> tuple[str, ...] | None:
    return tuple(wishes[name]) if name in wishes else None


def _suiting(request: Request, layer: Layer) -> list[LayerVersion]:
    """Return the versions that suit what is asked for, the newest first."""
    runtime, architecture = request.input.get("CompatibleRuntime"), request.input.get("CompatibleArchitecture")
    return [version for version in reversed(layer.versions.values()) if version.suits(runtime, architecture)]


def _describe(layer: Layer, version: LayerVersion) -> dict[str, Any]:
    """Return a LayerVersionsListItem."""
    shown: dict[str, Any] = {
        "LayerVersionArn": str(layer.arn.versioned(version.version)),
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": render_time(version.created_ms),
    }
    if version.runtimes is not None:
        shown["CompatibleRuntimes"] = list(version.runtimes)
    if version.architectures is not None:
        shown["CompatibleArchitectures"] = list(version.architectures)
    if version.license_info is not None:
        shown["LicenseInfo"] = version.license_info
    return shown
