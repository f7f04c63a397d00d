"""The parts of the host tests: which tests run in the guest, as whom, and before or after its reboot."""

from dataclasses import dataclass

ROOT = "root"
USER = "user"
"""The guest's ordinary user, who has no right that Debian does not give to everybody."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One run of pytest in the guest.

    `boot` says in which life of the guest the part runs: 1 before its reboot, 2 after it. A part of the core runs in
    continuous integration too.
    """

    name: str
    tests: tuple[str, ...]
    user: str = ROOT
    boot: int = 1
    core: bool = False
    workers: int = 2
    select: str = ""
    """An expression of pytest's -k."""


_UNITS_CORE = "stop_under_load or an_ingle_that_is_killed"

# The latency of a neighbour and what a burst costs are judged by time, which says nothing under software emulation.
PARTS = (
    Part(name="first-start", tests=("tests/hosts/test_first_start.py",), core=True, workers=0),
    Part(
        name="first-start-user",
        tests=("tests/hosts/test_first_start.py",),
        user=USER,
        core=True,
        workers=0,
        select="not nothing_is_left",
    ),
    Part(name="hostile", tests=("tests/security/test_hostile_functions.py",)),
    Part(
        name="security",
        tests=("tests/security",),
        select="not test_hostile_functions and not test_neighbours and not alone",
    ),
    Part(
        name="life",
        tests=(
            "tests/system/test_life_and_death.py",
            "tests/system/test_environment_life.py",
            "tests/system/test_constraints.py",
        ),
    ),
    Part(name="crashes", tests=("tests/system/test_crashes.py",), workers=0),
    Part(name="unit", tests=("tests/hosts/test_unit.py",), core=True, workers=0, select=_UNITS_CORE),
    Part(name="unit-more", tests=("tests/hosts/test_unit.py",), workers=0, select=f"not ({_UNITS_CORE})"),
    Part(name="users-unit", tests=("tests/hosts/test_users_unit.py",), workers=0),
    Part(name="before-reboot", tests=("tests/hosts/test_before_reboot.py",), core=True, workers=0),
    Part(name="after-reboot", tests=("tests/hosts/test_after_reboot.py",), boot=2, core=True, workers=0),
)


def chosen(names: list[str], *, core: bool) -> list[Part]:
    """Return the parts to run, in order: those named, else the core, else all. Raises ValueError for an unknown name."""
    unknown = set(names) - {part.name for part in PARTS}
    if unknown:
        raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PARTS)}")
    return [part for part in PARTS if (part.name in names if names else part.core or not core)]
