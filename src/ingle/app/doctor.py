"""What this host can do for isolation, each tried for real in a child that ends right after."""

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from ingle.app.config import ConfigurationError, packages_dir
from ingle.app.confine import landlock_abi
from ingle.spawner import syscalls
from ingle.spawner.runtimes import find_runtimes
from ingle.spawner.seccomp import build_filter
from ingle.worker import RuntimeEntry


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: what, whether it works, what was seen, and how to get it."""

    name: str
    works: bool
    seen: str
    remedy: str = ""


def _in_child(act: Callable[[], None]) -> str:
    """Run `act` in a forked child; return "" or why it failed."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            act()
            os.write(write, b"ok")
        except BaseException as error:
            os.write(write, str(error).encode()[:200])
        finally:
            os._exit(0)
    os.close(write)
    text = os.read(read, 256).decode()
    os.close(read)
    os.waitpid(child, 0)
    return "" if text == "ok" else text or "the child was killed"


def _namespace(flag: int) -> Callable[[], None]:
    def act() -> None:
        if os.geteuid() != 0 and flag != syscalls.CLONE_NEWUSER:
            syscalls.unshare(syscalls.CLONE_NEWUSER | flag)
        else:
            syscalls.unshare(flag)

    return act


def _seccomp() -> None:
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.install_filter(build_filter())


_NAMESPACES = {
    "user": syscalls.CLONE_NEWUSER, "mount": syscalls.CLONE_NEWNS, "pid": syscalls.CLONE_NEWPID,
    "net": syscalls.CLONE_NEWNET, "ipc": syscalls.CLONE_NEWIPC, "uts": syscalls.CLONE_NEWUTS,
    "cgroup": syscalls.CLONE_NEWCGROUP,
}  # fmt: skip
_USER_REMEDY = "sysctl user.max_user_namespaces=10000; on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0"


def _check_namespaces() -> list[Check]:
    made = []
    for name, flag in _NAMESPACES.items():
        problem = _in_child(_namespace(flag))
        made.append(
            Check(name=f"{name} namespace", works=not problem, seen=problem or "can be made", remedy=_USER_REMEDY)
        )
    return made


def _check_cgroups() -> Check:
    root = Path("/sys/fs/cgroup")
    is_root = os.geteuid() == 0
    if (root / "cgroup.controllers").exists():
        held = (root / "cgroup.controllers").read_text().split()
        works = is_root and {"memory", "pids", "cpu"} <= set(held)
        return Check(name="cgroups", works=works, seen=f"v2: {' '.join(held)}", remedy="run as root for limits")
    held = [name for name in ("memory", "cpu", "pids", "freezer") if (root / name / "cgroup.procs").exists()]
    works = is_root and len(held) == 4
    return Check(
        name="cgroups", works=works, seen=f"v1: {' '.join(held)}", remedy="mount cgroup2 at /sys/fs/cgroup; run as root"
    )


def _check_files() -> list[Check]:
    filesystems = Path("/proc/filesystems").read_text().split()
    is_root = os.geteuid() == 0
    return [
        Check(name="EROFS", works="erofs" in filesystems, seen="in the kernel" if "erofs" in filesystems else "missing",
              remedy="modprobe erofs (Linux 5.4 or newer); without it code is unpacked into memory"),
        Check(name="loop devices", works=is_root and Path("/dev/loop-control").exists(),
              seen="usable" if is_root else "root only", remedy="modprobe loop"),
        Check(name="FUSE", works=os.access("/dev/fuse", os.R_OK | os.W_OK), seen="/dev/fuse", remedy="modprobe fuse (not used yet)"),
        Check(name="KVM", works=os.access("/dev/kvm", os.R_OK | os.W_OK), seen="/dev/kvm",
              remedy="enable virtualisation (not used yet: the microvm driver comes later)"),
    ]  # fmt: skip


def _memfd_works() -> str:
    return "" if hasattr(os, "memfd_create") and ctypes.CDLL(None).memfd_create else "missing"


def examine() -> list[Check]:
    """Return every check's finding."""
    problem = _in_child(_seccomp)
    abi = landlock_abi()
    runtimes = [entry.name for entry in host_runtimes()]
    return [
        *_check_namespaces(),
        _check_cgroups(),
        Check(name="seccomp", works=not problem, seen=problem or "filters load", remedy="CONFIG_SECCOMP_FILTER, x86_64"),
        Check(name="Landlock", works=abi > 0, seen=f"version {abi}" if abi else "missing",
              remedy="boot with lsm=landlock,... (Linux 5.13 or newer)"),
        *_check_files(),
        Check(name="sealed memory", works=not _memfd_works(), seen="memfd", remedy="Linux 3.17 or newer"),
        Check(name="runtimes", works=bool(runtimes), seen=", ".join(runtimes),
              remedy="`make setup` fetches AWS's client for every Python on PATH, of pyenv and of uv"),
        Check(name="node", works=shutil.which("node") is not None, seen=shutil.which("node") or "not on PATH",
              remedy="install Node.js for nodejs runtimes"),
    ]  # fmt: skip


def host_runtimes() -> list[RuntimeEntry]:
    """Return the runtimes of this host, numbered as the spawner numbers them."""
    found = find_runtimes(str(packages_dir()))
    return [RuntimeEntry(index=at, name=one.name, interpreter=one.interpreter) for at, one in enumerate(found)]


def choose_driver(wanted: str, *, insecure: bool) -> tuple[str, str]:
    """Return the driver and why. Raises ConfigurationError that says exactly what is missing."""
    if wanted == "process":
        if not insecure:
            raise ConfigurationError("the process driver isolates nothing: add --insecure if that is what you want")
        return "process", "you asked for it: functions run with the rights of this user"
    checks = {check.name: check for check in [*_check_namespaces(), _check_cgroups(), *_check_files()]}
    missing_root = [name for name in (*_NAMESPACE_NAMES, "cgroups", "EROFS", "loop devices") if not checks[name].works]
    if wanted in ("auto", "sandbox") and os.geteuid() == 0 and not missing_root:
        return "sandbox", "root, with every namespace, cgroups, EROFS and loop devices"
    if wanted == "sandbox":
        raise ConfigurationError(f"the sandbox driver needs root and: {', '.join(missing_root) or 'nothing else'}")
    missing = [name for name in _NAMESPACE_NAMES if not checks[name].works]
    if missing:
        details = "; ".join(f"{name}: {checks[name].seen}" for name in missing)
        raise ConfigurationError(
            f"this user can't isolate functions here - {details}. {_USER_REMEDY}. Or run as root, or with --isolation"
            " process --insecure for no isolation at all."
        )
    why = f"missing for the full sandbox: {', '.join(missing_root)}" if missing_root else "you asked for it"
    why = "no root" if os.geteuid() else why
    return "sandbox-rootless", f"{why}: user namespaces, one host uid, no cgroup limits"


_NAMESPACE_NAMES = tuple(f"{name} namespace" for name in _NAMESPACES)
