"""What this host can do for isolation, each tried for real in a child that ends right after."""

import ctypes
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from ingle.app.commands.remedies import cgroups_remedy, module_remedy, namespaces_remedy
from ingle.app.config import packages_dir
from ingle.app.languages.interpreters import find_runtimes
from ingle.app.languages.runtimes import runtime_statuses
from ingle.app.supervision.confine import landlock_abi, tell_landlock
from ingle.app.supervision.delegation import TREE, find_delegated
from ingle.app.supervision.isolation import Host, Lack
from ingle.artifacts import Entry, lay_out_image
from ingle.spawner.images.mounted import Images
from ingle.spawner.kernel import syscalls
from ingle.spawner.kernel.seccomp import build_filter
from ingle.spawner.kernel.user_namespaces import UserNamespaces, is_root_of_the_host
from ingle.values import ALL_SEALS
from ingle.worker import RuntimeEntry

_MODULES = ("loop", "erofs")
_NAMESPACES = {
    "user": syscalls.CLONE_NEWUSER, "mount": syscalls.CLONE_NEWNS, "pid": syscalls.CLONE_NEWPID,
    "net": syscalls.CLONE_NEWNET, "ipc": syscalls.CLONE_NEWIPC, "uts": syscalls.CLONE_NEWUTS,
    "cgroup": syscalls.CLONE_NEWCGROUP,
}  # fmt: skip


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
            os.write(write, str(error).encode()[:200] or b"it failed")
        finally:
            os._exit(0)
    os.close(write)
    text = os.read(read, 256).decode()
    os.close(read)
    os.waitpid(child, 0)
    return "" if text == "ok" else text or "the child was killed"


def _is_root() -> bool:
    return os.geteuid() == 0 and is_root_of_the_host()


def _enter(flags: int) -> None:
    """Make namespaces, without root by way of a user namespace."""
    syscalls.unshare(flags if os.geteuid() == 0 else syscalls.CLONE_NEWUSER | flags)


def _own_proc() -> None:
    _enter(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        try:
            syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
            syscalls.mount("proc", "/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0:
        raise OSError("the kernel mounts none: a container hides parts of its own")


def _seccomp() -> None:
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.install_filter(build_filter())


def _check_namespaces() -> list[Check]:
    remedy = namespaces_remedy(is_root=_is_root())
    tried: dict[str, Callable[[], None]] = {
        f"{name} namespace": lambda flag=flag: _enter(flag)  # type: ignore[misc]
        for name, flag in _NAMESPACES.items()
    }
    tried["/proc of its own"] = _own_proc
    if _is_root():
        tried["ranges of user ids"] = lambda: UserNamespaces().take() and None
    problems = {name: _in_child(act) for name, act in tried.items()}
    return [
        Check(name=name, works=not problem, seen=problem or "can be made", remedy=remedy)
        for name, problem in problems.items()
    ]


def _check_seccomp() -> Check:
    problem = _in_child(_seccomp)
    remedy = "a kernel with CONFIG_SECCOMP_FILTER, on x86_64"
    return Check(name="seccomp", works=not problem, seen=problem or "filters load", remedy=remedy)


def _check_cgroups() -> Check:
    root, delegated = TREE, find_delegated()
    is_v2 = (root / "cgroup.controllers").exists()
    if is_v2:
        held = set(((delegated or root) / "cgroup.controllers").read_text().split())
        wanted = {"memory", "pids", "cpu"} if _is_root() else {"memory", "pids"}
    else:
        wanted = {"memory", "cpu", "pids", "freezer", "cpuacct"}
        held = {name for name in wanted if (root / name / "cgroup.procs").exists()}
    is_read_only = _is_read_only(root if is_v2 else root / "memory")
    missing = "" if wanted <= held else f", without {' '.join(sorted(wanted - held))}"
    place = f" in {delegated}" if delegated is not None else "" if _is_root() else ", none delegated"
    seen = f"{'v2' if is_v2 else 'v1'}: {' '.join(sorted(held)) or 'none'}{missing}{place}"
    works = (_is_root() or delegated is not None) and not missing and not is_read_only
    remedy = cgroups_remedy(is_root=_is_root(), is_read_only=is_read_only)
    return Check(name="cgroups", works=works, seen=f"{seen}{', read-only' if is_read_only else ''}", remedy=remedy)


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


class _Nothing:
    """An archive without entries."""

    entries: list[Entry] = []  # noqa: RUF012 - the port has a list

    def pieces(self, entry: Entry) -> Iterator[bytes]:
        yield from ()


def _mount_an_image() -> None:
    """Mount an empty image as the spawner mounts code, in a mount namespace that ends with this process."""
    image = os.memfd_create("ingle-probe", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(image, b"".join(lay_out_image(_Nothing())))
    fcntl.fcntl(image, fcntl.F_ADD_SEALS, ALL_SEALS)
    place = tempfile.mkdtemp(prefix="ingle-probe-")
    try:
        images = Images(place)
        number, _ = images.begin(image)
        os.close(images.mount_descriptor(number))
        images.detach(number)
        syscalls.unmount(place, syscalls.MNT_DETACH)
    finally:
        os.rmdir(place)


def _load_modules() -> None:
    modprobe = shutil.which("modprobe", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if modprobe is not None:
        for module in _MODULES:
            subprocess.run([modprobe, "-q", module], check=False, capture_output=True, timeout=20)


def _check_images() -> Check:
    name = "EROFS on loop devices"
    if not _is_root():
        return Check(name=name, works=False, seen="for root alone: code is unpacked into memory", remedy="run as root")
    problem = _in_child(_mount_an_image)
    if problem:
        _load_modules()
        problem = _in_child(_mount_an_image)
    seen = f"{problem}: code is unpacked into memory" if problem else "an image can be mounted"
    return Check(name=name, works=not problem, seen=seen, remedy=module_remedy(_MODULES, is_root=True))


def _check_landlock() -> Check:
    """Landlock holds our own programs, not functions; an older one holds less of them."""
    abi = landlock_abi()
    remedy = "boot with lsm=landlock,... (Linux 5.13 or newer)"
    return Check(name="Landlock", works=abi > 0, seen=tell_landlock(abi), remedy=remedy)


def _check_later() -> list[Check]:
    modules = {"FUSE": "fuse", "KVM": "kvm"}
    return [
        Check(name=name, works=os.access(f"/dev/{module}", os.R_OK | os.W_OK), seen=f"/dev/{module} (not used yet)",
              remedy=module_remedy([module], is_root=_is_root()))
        for name, module in modules.items()
    ]  # fmt: skip


def _memfd_works() -> bool:
    return hasattr(os, "memfd_create") and bool(ctypes.CDLL(None).memfd_create)


def examine() -> list[Check]:
    """Return every check's finding."""
    return [
        *_check_namespaces(),
        _check_cgroups(),
        _check_seccomp(),
        _check_landlock(),
        _check_images(),
        *_check_later(),
        Check(name="sealed memory", works=_memfd_works(), seen="memfd", remedy="Linux 3.17 or newer"),
        *(Check(name=one.name, works=bool(one.seen), seen=one.seen or "not here", remedy=one.remedy)
          for one in runtime_statuses()),
    ]  # fmt: skip


def host_runtimes() -> list[RuntimeEntry]:
    """Return the runtimes of this host, numbered as `ingle up` would number them."""
    found = find_runtimes(str(packages_dir()))
    return [RuntimeEntry(fingerprint=one.fingerprint, name=one.name, interpreter=one.interpreter) for one in found]


def examine_host() -> Host:
    """Return what decides how functions are isolated here."""
    needed = [*_check_namespaces(), _check_seccomp(), *([_check_cgroups()] if _is_root() else [])]
    if os.geteuid() != 0 and is_root_of_the_host():
        remedy = "run as root without a user namespace, or as an ordinary user"
        needed.append(Check(name="user", works=False, seen="the host's root under another name", remedy=remedy))
    lacks = [Lack(one.name, one.seen, one.remedy) for one in needed if not one.works]
    images = _check_images()
    return Host(
        is_root=_is_root(),
        lacks=lacks,
        unpacks_because="" if images.works else images.seen.rpartition(":")[0],
        delegated=str(find_delegated() or ""),
    )
