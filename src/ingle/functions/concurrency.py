"""Provisioned concurrency, as it is stored, and how an alias divides its own (API reference, section 9)."""

import msgspec

from ingle.functions.alias import Alias


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """How many environments of a version, or of the versions of an alias, are kept initialised."""

    units: int
    modified_ms: int


def divide(units: int, alias: Alias) -> dict[str, int]:
    """Return how many of an alias's units each of its versions gets: as its share of the invocations is."""
    shares = {version: round(units * weight) for version, weight in alias.weights.items()}
    return {alias.function_version: units - sum(shares.values()), **shares}
