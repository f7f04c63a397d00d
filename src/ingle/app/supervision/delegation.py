"""Where control groups of environments live: in the part of the tree that is delegated to this process, if one is.

systemd owns the tree of cgroup v2 and delegates a unit's own group by `Delegate=yes`. Below it the unit's limits and its
accounting cover what functions use (systemd's "Control Group APIs and Delegation"). A container that sees its own
group as the root of the tree owns it likewise. Everywhere else root makes groups at the root of the tree.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ingle.app.config import ConfigurationError

TREE = Path("/sys/fs/cgroup")
LEAF = "supervisor"
"""The group of our own programs: a group that hands on controllers has no processes itself."""
_CONTROLLERS = ("memory", "pids", "cpu")
_MARKS = ("trusted.delegate", "user.delegate")
_TRIES = 20
_ASK_S = 10.0


def own_group(told: str) -> str | None:
    """Return this process's group of cgroup v2, given /proc/self/cgroup; None where it has none that it can see.

    Other hierarchies may stand beside: all of v1's, or the one that the spawner mounts (`favor_migrations`).
    """
    group = next((line.removeprefix("0::") for line in told.splitlines() if line.startswith("0::")), "")
    is_seen = group.startswith("/") and "/../" not in f"{group}/" and not group.endswith(" (deleted)")
    return group if is_seen else None


def choose_group(group: str, is_delegated: Callable[[str], bool]) -> str | None:
    """Return the group that a process in `group` may divide; None where nothing is delegated to it.

    What lies above is somebody else's: a user's own systemd, for example, has the group of all of that user's units.
    """
    if is_delegated(group):
        return group
    path = PurePosixPath(group)
    if path.name == LEAF and is_delegated(str(path.parent)):  # we have been here before, or DelegateSubgroup= says so
        return str(path.parent)
    return None


def find_delegated(tree: Path = TREE, process: Path = Path("/proc/self/cgroup")) -> Path | None:
    """Return the folder of the group that is delegated to this process, with limits on memory and processes."""
    try:
        group = own_group(process.read_text())
    except OSError:
        return None
    chosen = choose_group(group, lambda one: _is_delegated(_folder(tree, one))) if group is not None else None
    return _folder(tree, chosen) if chosen is not None else None


def _folder(tree: Path, group: str) -> Path:
    return tree / group.lstrip("/")


def _is_delegated(folder: Path) -> bool:
    """Say whether a group is ours to divide, and has what an environment needs; the cpu weight is root's alone to miss."""
    is_own = folder == TREE and (folder / "cgroup.type").exists()  # the root of the whole tree has no type
    if not is_own and not any(_mark(folder, name) for name in _MARKS) and not _users_systemd_delegates(folder):
        return False
    files = (folder, folder / "cgroup.procs", folder / "cgroup.subtree_control")
    if not all(os.access(file, os.W_OK) for file in files):
        return False
    wanted = set(_CONTROLLERS if os.geteuid() == 0 else _CONTROLLERS[:2])
    return wanted <= set((folder / "cgroup.controllers").read_text().split())


def _mark(folder: Path, name: str) -> bool:
    try:
        return os.getxattr(folder, name) == b"1"
    except OSError:
        return False


def _users_systemd_delegates(folder: Path) -> bool:
    """Ask a user's own systemd, which may not set root's mark and sets no other before version 254."""
    command = shutil.which("systemctl")
    if command is None or os.geteuid() == 0 or folder.suffix not in (".service", ".scope"):
        return False
    asked = [command, "--user", "show", "--property=Delegate", "--value", folder.name]
    try:
        told = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return told.stdout.strip() == b"yes"


def occupy(group: Path) -> None:
    """Move what runs in a delegated group into its leaf, this process first, and hand its controllers on.

    Raises ConfigurationError where a process can't be moved.
    """
    try:
        (group / LEAF).mkdir(exist_ok=True)
        _move_all(group, group / LEAF)
        offered = (group / "cgroup.controllers").read_text().split()
        for controller in _CONTROLLERS:
            if controller in offered:
                (group / "cgroup.subtree_control").write_text(f"+{controller}")
    except OSError as error:
        raise ConfigurationError(f"{group} is delegated to Ingle and can't be divided: {error.strerror}") from None


def _move_all(group: Path, leaf: Path) -> None:
    """Move processes until none is left: they may fork meanwhile."""
    (leaf / "cgroup.procs").write_text(str(os.getpid()))
    for _ in range(_TRIES):
        pids = (group / "cgroup.procs").read_text().split()
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                (leaf / "cgroup.procs").write_text(pid)
