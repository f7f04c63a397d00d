"""Control groups: what an environment may use. One interface over v2 and v1 (Linux admin guide, cgroup-v1, cgroup-v2)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from . import syscalls

_ROOT = Path("/sys/fs/cgroup")
_V1 = ("memory", "cpu", "pids", "freezer", "cpuacct")
_MIB = 1024 * 1024
_CLEAR_S, _LOOK_S = 10.0, 0.005
_MIB_PER_CPU = 1769  # Lambda gives one vCPU at this size
PIDS = 1024
_SOCKETS_MIB = 64
"""What is on its way in an environment's TCP and UDP sockets, which v1 counts apart; a full one waits or drops."""
OVERHEAD_MIB = 16
"""What an environment may use beyond its function's memory, for its init and the runtime's own pages."""


def is_v2() -> bool:
    return (_ROOT / "cgroup.controllers").exists()


def favor_migrations(place: str) -> None:
    """Spare each environment the RCU grace period, 3 to 15 ms, that entering its group would wait for.

    The option favordynmods (cgroup-v2.rst; Linux 6.0) holds for the whole host as long as one hierarchy has it, so a
    hierarchy of ours carries it: without controllers, mounted in the spawner's own mount namespace, gone with it. An
    older kernel refuses and is slower.
    """
    os.makedirs(place, mode=0o700, exist_ok=True)
    with contextlib.suppress(OSError):
        syscalls.mount("cgroup", place, "cgroup", 0, "none,name=ingle,favordynmods")


class Group:
    """The control group of one environment."""

    def __init__(self, parents: list[Path], name: str, *, v2: bool) -> None:
        self._folders = [parent / name for parent in parents]
        self._v2 = v2
        for folder in self._folders:
            folder.mkdir(exist_ok=True)  # cpu and cpuacct may be one hierarchy

    def limit(self, memory_mib: int) -> None:
        """Set the limits for a function of `memory_mib`; swap is not to be had."""
        limit = (memory_mib + OVERHEAD_MIB) * _MIB
        memory = self._folders[0]
        if self._v2:
            _write(memory / "memory.max", limit)
            _write(memory / "memory.swap.max", 0, optional=True)
            _write(memory / "memory.oom.group", 0, optional=True)
            _write(memory / "pids.max", PIDS)
            weight = max(1, min(10000, memory_mib * 100 // _MIB_PER_CPU))
            _write(memory / "cpu.weight", weight, optional=os.geteuid() != 0)
            return
        _write(memory / "memory.limit_in_bytes", limit)
        _write(memory / "memory.memsw.limit_in_bytes", limit, optional=True)
        _write(memory / "memory.kmem.tcp.limit_in_bytes", min(limit, _SOCKETS_MIB * _MIB), optional=True)
        _write(self._folders[1] / "cpu.shares", max(2, memory_mib * 1024 // _MIB_PER_CPU))
        _write(self._folders[2] / "pids.max", PIDS)

    def entrances(self) -> list[int]:
        """Return descriptors to which a process writes "0" to join."""
        return [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in self._folders]

    def descriptors(self) -> list[int]:
        """Return what a worker needs to watch and freeze the group: a file to write its freezer's state to, the folder
        that tells of memory and the one that tells of processor time."""
        freezer = self._folders[0] / "cgroup.freeze" if self._v2 else self._folders[3] / "freezer.state"
        folders = (self._folders[0], self._folders[-1])
        opened = [os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for folder in folders]
        return [os.open(freezer, os.O_RDWR | os.O_CLOEXEC), *opened]

    def thaw(self) -> None:
        """Let go on what is frozen: it can't even die before (Linux admin guide, freezer-subsystem)."""
        if self._v2:
            _write(self._folders[0] / "cgroup.freeze", 0, optional=True)
        else:
            _write_text(self._folders[3] / "freezer.state", "THAWED")

    def peak_descriptor(self) -> int:
        """Return a descriptor of the file that holds the highest memory use so far, in bytes; -1 where there is none."""
        name = "memory.peak" if self._v2 else "memory.max_usage_in_bytes"
        try:
            return os.open(self._folders[0] / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # memory.peak came with Linux 5.19
            return -1

    def peak_bytes(self) -> int:
        """Return the highest memory use so far; 0 where the kernel doesn't tell."""
        descriptor = self.peak_descriptor()
        if descriptor < 0:
            return 0
        try:
            return int(os.read(descriptor, 32))
        finally:
            os.close(descriptor)

    def was_out_of_memory(self) -> bool:
        """Say whether the kernel killed a process of this group for want of memory."""
        name = "memory.events" if self._v2 else "memory.oom_control"
        with contextlib.suppress(OSError):
            for line in (self._folders[0] / name).read_text().splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count) > 0
        return False

    def remove_nowait(self) -> bool:
        """Remove the group, whose processes have ended; return whether the kernel has let go of all of them."""
        return all(_remove(folder, tries=1) for folder in self._folders)


def _write(path: Path, value: int, *, optional: bool = False) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # a third of the time of an object for it
        try:
            os.write(file, str(value).encode())
        finally:
            os.close(file)
    except OSError:
        if not optional:
            raise


def _remove(folder: Path, tries: int = 200) -> bool:
    for _ in range(tries):
        try:
            with contextlib.suppress(FileNotFoundError):
                folder.rmdir()
            return True
        except OSError:  # a process is still on its way out
            time.sleep(0.005 if tries > 1 else 0)
    return False


class Groups:
    """The control groups of one installation, below one folder of its name in each hierarchy; `root` says where in v2's."""

    def __init__(self, root: str, name: str) -> None:
        self._v2 = is_v2()
        if self._v2:
            self._parents = [Path(root) / name]
            for parent in (Path(root), *self._parents):
                parent.mkdir(exist_ok=True)
                for controller in ("memory", "pids", "cpu"):  # a user's systemd may have delegated no cpu
                    _write_text(parent / "cgroup.subtree_control", f"+{controller}")
        else:
            self._parents = [_ROOT / controller / name for controller in _V1]
            for parent in self._parents:
                parent.mkdir(exist_ok=True)

    def create(self, name: str) -> Group:
        """Make a group without limits; nothing of a customer's may run in it before `limit`."""
        return Group(self._parents, name, v2=self._v2)

    def clear(self) -> None:
        """Kill and outlive everything that an earlier spawner left in these groups, then remove them.

        All are thawed and killed before any is waited for: what is frozen can't die, and each takes its time.
        """
        folders = [entry for parent in self._parents for entry in parent.iterdir() if entry.is_dir()]
        end = time.monotonic() + _CLEAR_S
        living = folders
        while living and time.monotonic() < end:
            for folder in living:
                _write_text(folder / "freezer.state", "THAWED")
                _write_text(folder / "cgroup.freeze", "0")
            living = [folder for folder in living if _kill(folder)]
            time.sleep(_LOOK_S if living else 0)
        for folder in folders:
            _remove(folder)

    def remove(self) -> None:
        """Remove the installation's own folders, which are empty by now."""
        for parent in self._parents:
            _remove(parent)


def _write_text(path: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        path.write_text(text)


def _kill(folder: Path) -> bool:
    """Kill what is in a group; return whether anything was."""
    pids = (folder / "cgroup.procs").read_text().split()
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    return bool(pids)
