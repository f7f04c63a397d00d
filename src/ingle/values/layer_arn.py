"""ARNs of layers and of their versions (API reference, LayerArn and LayerVersionArn)."""

import dataclasses
import re

from ingle.values.errors import IngleError

_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):layer:(?P<name>[a-zA-Z0-9-_]{1,140})"
    r"(?::(?P<version>[0-9]{1,18}))?"
)


class InvalidLayerArnError(IngleError):
    """A text that is not the ARN of a layer or layer version."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LayerArn:
    """The identity of a layer, or of one of its versions."""

    region: str
    account: str
    name: str
    version: int | None = None

    def __str__(self) -> str:
        tail = f":{self.version}" if self.version is not None else ""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}{tail}"

    def versioned(self, version: int | None) -> "LayerArn":
        """Return the same layer with another version, or with none."""
        return dataclasses.replace(self, version=version)


def parse_layer_arn(text: str) -> LayerArn:
    """Raises InvalidLayerArnError."""
    match = _ARN.fullmatch(text)
    if match is None:
        raise InvalidLayerArnError(f"not the ARN of a layer: {text}")
    version = int(match["version"]) if match["version"] else None
    return LayerArn(region=match["region"], account=match["account"], name=match["name"], version=version)
