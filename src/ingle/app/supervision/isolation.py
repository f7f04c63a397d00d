"""Which driver holds an installation's functions: what the host can do, what was asked for, and what it was before.

How code is mounted is another question. Where the kernel mounts no EROFS, code is unpacked into read-only memory, and
functions are isolated as everywhere.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ingle.app.config import ConfigurationError
from ingle.app.supervision.delegation import TREE

SANDBOX, ROOTLESS, PROCESS = "sandbox", "sandbox-rootless", "process"
_STRENGTH = (PROCESS, ROOTLESS, SANDBOX)
_AS_A_USER = "or run `ingle up` as an ordinary user, for sandbox-rootless"
_NO_LIMITS = "a user's unit with Delegate=yes has them (`ingle unit`)"
_NOTHING_AT_ALL = "or --isolation process --insecure, which isolates nothing"


class Lack(msgspec.Struct, frozen=True):
    """Something that a driver needs and this host or user doesn't have: what was seen, and how to get it."""

    name: str
    seen: str
    remedy: str


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """What decides: whether we are root, what is wanting, and why EROFS images can't be mounted ("": they can).

    `delegated` is the folder of the control group that is ours to divide, "" where none is.
    """

    is_root: bool
    lacks: Sequence[Lack]
    unpacks_because: str = ""
    delegated: str = ""


class Isolation(msgspec.Struct, frozen=True, kw_only=True):
    """A driver, why it was taken, and whether code is unpacked into memory instead of mounted.

    `groups` is the folder below which control groups are made, "" where there are none and so no limits on memory.
    """

    driver: str
    why: str
    unpacks: bool
    groups: str = ""
    is_delegated: bool = False
    """Whether `groups` is a group that somebody has handed to us, not the root of the tree."""


def decide_isolation(wanted: str, host: Host, *, insecure: bool, before: str | None) -> Isolation:
    """Return what holds functions. Raises ConfigurationError where that would be weaker than anybody said.

    `before` is what held this installation's functions when it last ran; less has to be asked for by name.
    """
    if wanted == PROCESS:
        if not insecure:
            raise ConfigurationError("the process driver isolates nothing: add --insecure if that is what you want")
        return Isolation(
            driver=PROCESS, why="you asked for it: functions run with the rights of this user", unpacks=False
        )
    if host.is_root:
        return _decide_as_root(wanted, host)
    if wanted == SANDBOX:
        raise ConfigurationError("the sandbox driver needs root: run `ingle up` as root")
    if host.lacks:
        raise ConfigurationError(f"this user can't isolate functions here. {_tell(host.lacks)}; {_NOTHING_AT_ALL}.")
    if wanted == "auto" and before == SANDBOX:
        raise ConfigurationError(
            f"{SANDBOX} held this installation's functions before, and without root there is only {ROOTLESS}, which is"
            f" weaker: run `ingle up` as root, or say --isolation {ROOTLESS}"
        )
    limits = f"limits {_place(host.delegated)}" if host.delegated else f"memory limits are not enforced: {_NO_LIMITS}"
    why = f"no root: user namespaces, one host uid; code is unpacked into memory; {limits}"
    return Isolation(driver=ROOTLESS, why=why, unpacks=True, groups=host.delegated, is_delegated=bool(host.delegated))


def _place(group: str) -> str:
    return f"by control groups in {group.removeprefix(f'{TREE}/')}"


def _decide_as_root(wanted: str, host: Host) -> Isolation:
    if wanted == ROOTLESS:
        raise ConfigurationError(
            "root never runs functions in sandbox-rootless: they would be uid 0 of the host, who owns its files. Leave"
            f" --isolation out, {_AS_A_USER}."
        )
    if host.lacks:
        raise ConfigurationError(
            f"the sandbox that root can expect does not work here. {_tell(host.lacks)}; {_AS_A_USER};"
            f" {_NOTHING_AT_ALL}."
        )
    code = f"code is unpacked into memory: {host.unpacks_because}" if host.unpacks_because else "code is mounted"
    groups = f"limits {_place(host.delegated)}" if host.delegated else "cgroups"
    return Isolation(
        driver=SANDBOX,
        why=f"root, with every namespace and {groups}; {code}",
        unpacks=bool(host.unpacks_because),
        groups=host.delegated or str(TREE),
        is_delegated=bool(host.delegated),
    )


def _tell(lacks: Sequence[Lack]) -> str:
    """Return each lack with what was seen, and each remedy once."""
    seen = "; ".join(f"{lack.name}: {lack.seen}" for lack in lacks)
    return f"{seen}. To mend: {'; '.join(dict.fromkeys(lack.remedy for lack in lacks if lack.remedy))}"


def isolation_before(data_dir: Path) -> str | None:
    """Return what held an installation's functions when it last ran; None for a new one."""
    file = data_dir / "installation.json"
    held = json.loads(file.read_text()).get("isolation") if file.exists() else None
    return held if held in _STRENGTH else None


def keep_isolation(data_dir: Path, driver: str) -> None:
    """Remember what holds an installation's functions, for the next start."""
    file = data_dir / "installation.json"
    held = json.loads(file.read_text())
    if held.get("isolation") != driver:
        made = file.with_suffix(".new")
        made.write_text(json.dumps({**held, "isolation": driver}))
        os.replace(made, file)
