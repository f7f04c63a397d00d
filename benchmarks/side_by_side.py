"""This checkout measured alone, or in turn with another one: both Ingles run at once, so that the machine's moods meet both alike."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from harness import INGLE, Ingle, running_ingle


class Measured(Protocol):
    """One Ingle, and what its rounds have shown."""

    def row(self) -> Sequence[float]:
        """Return its figures, in the order of the table."""
        ...


_Of = TypeVar("_Of", bound=Measured)


def other_checkout() -> Path | None:
    """Return the checkout that the command line names."""
    return Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None


@contextlib.contextmanager
def measured(other: Path | None, make: Callable[[Ingle], _Of], *arguments: str) -> Iterator[dict[str, _Of]]:
    """Yield what is measured by its name in the table: the other checkout, where there is one, first."""
    programs = {"this checkout": INGLE}
    if other is not None:
        programs = {"the other checkout": other / ".venv" / "bin" / "ingle", **programs}
    with contextlib.ExitStack() as stack:
        yield {
            name: make(stack.enter_context(running_ingle(*arguments, program=program)))
            for name, program in programs.items()
        }


def in_turn(systems: dict[str, _Of], rounds: int) -> Iterator[_Of]:
    """Yield each system once a round, the one that was last first in the next."""
    for number in range(rounds):
        yield from list(systems.values())[:: 1 if number % 2 else -1]


def rows(systems: dict[str, _Of], form: str) -> list[tuple[str, ...]]:
    """Return the table's rows, each figure in a form as `,.0f`; with two systems also this one's as a part of the other's."""
    made = [(name, *(format(value, form) for value in one.row())) for name, one in systems.items()]
    if len(systems) > 1:
        theirs, ours = (one.row() for one in systems.values())
        ratios = (f"{b / a:.3f}" if a > 1 else "-" for a, b in zip(theirs, ours, strict=True))
        made.append(("this / other", *ratios))
    return made
