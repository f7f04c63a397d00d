"""Provisioned concurrency: how many environments to make, and how many to let go. Pure.

The number that was asked for is there and initialised at any time. One that is due - too old, or of a worker that is on
its way out - is let go only when another has come in its place.
"""

import dataclasses

AT_ONCE = 8
"""How many environments of one version are made at the same time: who is invoked needs the processors too."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What a version has: `ready` are initialised, `due` too but to be replaced, `starting` are being made."""

    wanted: int
    ready: int
    due: int
    starting: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many to make now, and how many of those that are ready and of those that are due to let go."""

    start: int
    release_ready: int
    release_due: int


def plan(stock: Stock) -> Plan:
    """Say what takes the stock closer to what is wanted, without ever taking it further away."""
    missing = stock.wanted - stock.ready - stock.starting
    return Plan(
        start=max(0, min(missing, AT_ONCE - stock.starting)),
        release_ready=max(0, stock.ready - stock.wanted),
        release_due=max(0, min(stock.due, stock.ready + stock.due - stock.wanted)),
    )
