"""Layers and their versions, as they are stored, and as functions refer to them."""

import msgspec

from ingle.artifacts import CodeSignature
from ingle.functions.access.policy import ResourcePolicy
from ingle.functions.errors import InvalidSettingError
from ingle.values import LayerArn

LAYERS_LIMIT = 5


class LayerVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a layer: a sealed zip that never changes."""

    version: int
    sha256: str
    """Base64, as AWS shows it."""
    size_bytes: int
    unzipped_bytes: int
    wrapped_key: bytes
    zip_manifest: bytes
    created_ms: int
    description: str = ""
    license_info: str | None = None
    runtimes: tuple[str, ...] | None = None
    """Those that the publisher named as compatible; None where nothing was said."""
    architectures: tuple[str, ...] | None = None
    policy: ResourcePolicy | None = None
    signature: CodeSignature | None = None

    def suits(self, runtime: str | None, architecture: str | None) -> bool:
        """Say whether it names this runtime and this architecture as compatible, as far as they are given."""
        return (runtime is None or runtime in (self.runtimes or ())) and (
            architecture is None or architecture in (self.architectures or ())
        )


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """A layer and its versions, oldest first; it stays when all are gone, so that no number comes twice."""

    account: str
    region: str
    name: str
    next_version: int = 1
    versions: dict[int, LayerVersion] = {}

    @property
    def arn(self) -> LayerArn:
        return LayerArn(region=self.region, account=self.account, name=self.name)

    def with_version(self, version: LayerVersion) -> "Layer":
        """Return the layer with the version that has its next number."""
        grown = {**self.versions, version.version: version}
        return msgspec.structs.replace(self, versions=grown, next_version=version.version + 1)

    def without_version(self, number: int) -> "Layer":
        kept = {key: version for key, version in self.versions.items() if key != number}
        return msgspec.structs.replace(self, versions=kept)


class LayerUse(msgspec.Struct, frozen=True, kw_only=True):
    """A layer version as a function has it: it goes on to when the layer version has been deleted."""

    arn: str
    size_bytes: int
    unzipped_bytes: int
    signature: CodeSignature | None = None


def check_layers(arns: list[LayerArn], region: str) -> None:
    """Raises InvalidSettingError for layers that one function can't have together."""
    if len(arns) > LAYERS_LIMIT:
        raise InvalidSettingError(f"Cannot reference more than {LAYERS_LIMIT} layers.")
    seen: dict[LayerArn, LayerArn] = {}
    for arn in arns:
        if arn.region != region:
            raise InvalidSettingError(
                f"Layers are not in the same region as the function. Layers are expected to be in region {region}."
            )
        other = seen.setdefault(arn.versioned(None), arn)
        if other is not arn:
            raise InvalidSettingError(
                "Two different versions of the same layer are not allowed to be referenced in the same function."
                f" {other} and {arn} are versions of the same layer."
            )


def check_unzipped(code_bytes: int, layers: tuple[LayerUse, ...], limit_bytes: int) -> None:
    """Raises InvalidSettingError where code and layers unfold to more than Lambda takes together."""
    total = code_bytes + sum(layer.unzipped_bytes for layer in layers)
    if total > limit_bytes:
        raise InvalidSettingError(
            f"Function code combined with layers exceeds the maximum allowed size of {limit_bytes} bytes. The actual"
            f" size is {total} bytes."
        )
