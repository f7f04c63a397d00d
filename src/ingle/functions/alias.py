"""Aliases, as they are stored, and the rules on them (API reference, section 7)."""

import msgspec

from ingle.functions.errors import InvalidSettingError, UntypedSettingError


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A name for one version, or for two between which invocations are divided."""

    name: str
    function_version: str
    description: str = ""
    weights: dict[str, float] = {}
    """The share of the invocations that each further version gets; `function_version` gets what is left."""
    revision_id: str = ""

    @property
    def versions(self) -> tuple[str, ...]:
        """All versions that it points at."""
        return (self.function_version, *self.weights)

    def check_weights(self) -> None:
        """Raises InvalidSettingError for weights that no alias may have."""
        if len(self.weights) > 1:
            raise InvalidSettingError("Number of items in AdditionalVersionWeights cannot be greater than 1")
        if self.function_version in self.weights:
            raise InvalidSettingError(
                f"Invalid function version {self.function_version}. Function version {self.function_version} is already"
                " included in routing configuration."
            )
        if self.weights and not self.function_version.isdecimal():
            raise UntypedSettingError(
                f"{self.function_version} is not supported for an alias pointing to more than 1 version"
            )
