"""What belongs to one installation on this machine, beside whatever else runs there: processes, groups, mounts, loops."""

import contextlib
import fcntl
import json
import os
import struct
from pathlib import Path

from harness import Ingle

from ingle.app.config import cgroup_name

_CGROUPS = Path("/sys/fs/cgroup")
_LOOP_GET_STATUS64 = 0x4C05
_LOOP_MAJOR = "7:"


def programs(ingle: Ingle) -> dict[str, int]:
    """Return the programs' process ids, as the supervisor tells them."""
    return dict(json.loads((ingle.data_dir / "run" / "programs.json").read_text()))


def state(pid: int) -> str:
    """Return a process's state (proc_pid_stat(5)), nothing where it is gone."""
    return _status(pid)[0]


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be reaped does not."""
    return state(pid) not in ("", "Z", "X")


def _status(pid: int) -> tuple[str, int]:
    """Return a process's state and its parent."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", 0
    return words[0], int(words[1])


def descendants(pid: int) -> set[int]:
    """Return a process's children, their children and so on."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            children.setdefault(_status(int(name))[1], []).append(int(name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found.add(child)
            waiting.append(child)
    return found


def groups(ingle: Ingle) -> list[Path]:
    """Return the folders of an installation's control groups, in whichever hierarchy and place they are."""
    name = cgroup_name(ingle.data_dir)
    return [Path(folder) for folder, _, _ in os.walk(_CGROUPS) if name in folder.split("/")]


def members(folders: list[Path]) -> set[int]:
    """Return the processes in control groups."""
    found: set[int] = set()
    for folder in folders:
        with contextlib.suppress(OSError):
            found.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
    return found


def loops(ingle: Ingle) -> set[tuple[str, int]]:
    """Return the loop devices that the spawner has mounted, each with its image's inode."""
    spawner = programs(ingle).get("spawner")
    if spawner is None:
        return set()
    devices = [line.split()[2] for line in Path(f"/proc/{spawner}/mountinfo").read_text().splitlines()]
    names = {f"loop{device.partition(':')[2]}" for device in devices if device.startswith(_LOOP_MAJOR)}
    return {loop for loop in _every_loop() if loop[0] in names}


def _every_loop() -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for device in Path("/dev").glob("loop[0-9]*"):
        with contextlib.suppress(OSError), device.open("rb") as file:
            told = fcntl.ioctl(file, _LOOP_GET_STATUS64, bytes(232))
            found.add((device.name, struct.unpack_from("<Q", told, 8)[0]))
    return found


class Belongings:
    """What an installation has while it runs, to be looked for once it has ended."""

    def __init__(self, ingle: Ingle) -> None:
        self._ingle = ingle
        self._processes = {ingle.process.pid, *descendants(ingle.process.pid), *members(groups(ingle))}
        self._loops = loops(ingle)

    def zombies(self) -> list[int]:
        """Return the processes of the installation that nobody has reaped."""
        return [pid for pid in descendants(self._ingle.process.pid) if state(pid) == "Z"]

    def left(self) -> dict[str, list[str]]:
        """Return what there still is of it, by kind; nothing where all is gone."""
        place = str(self._ingle.data_dir)
        folders = groups(self._ingle)
        found = {
            "processes": [str(pid) for pid in {*self._processes, *members(folders), *_naming(place)} if is_alive(pid)],
            "groups": [str(folder) for folder in folders],
            "mounts": sorted(_mounts(place)),
            "loops": [name for name, _ in self._loops & _every_loop()],
        }
        return {kind: what for kind, what in found.items() if what}


def _naming(place: str) -> set[int]:
    """Return the processes whose command line names a directory."""
    found: set[int] = set()
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit() and place.encode() in Path(f"/proc/{name}/cmdline").read_bytes():
                found.add(int(name))
    return found


def _mounts(place: str) -> set[str]:
    """Return what is mounted below a directory, in any mount namespace."""
    found: set[str] = set()
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit():
                lines = Path(f"/proc/{name}/mountinfo").read_text().splitlines()
                found.update(line for line in lines if place in line)
    return found
