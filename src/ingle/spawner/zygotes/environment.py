"""The birth of an execution environment, step by step, in the process that becomes its PID 1.

Nothing of the customer's is read here: the process is privileged until `init.serve`, and after it never again.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable

from ..kernel import networks, syscalls
from ..messages import Create
from . import init, rootless
from .init import GROUP_ID, USER_ID

_OF_PROC = frozenset(
    [
        *("cgroups", "cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "uptime", "version"),
        *("self", "thread-self", "mounts", "net", "sys", "sysvipc"),
    ]
)
"""What programs read of /proc beside processes. Everything else tells of the host, or changes it for whoever owns it:
where the host's uid 0 is not ours, mode bits hold, but no list of dangerous files is ever complete."""
_EMPTY, _NOTHING = b"/mnt", b"/dev/null"
_SPARED = -500
"""Where memory runs out, the kernel shall take what the function runs, not our init."""


class Birth:
    """What an environment is made of: integers and descriptors from the spawner."""

    def __init__(self, wanted: Create, descriptors: list[int]) -> None:
        self.identifier, self.tmp_mib, self.is_rootless = wanted.identifier, wanted.tmp_mib, bool(wanted.is_rootless)
        rest = list(descriptors)
        self.orders = rest.pop(0)
        self.user_namespace = -1 if self.is_rootless else rest.pop(0)
        self.network = -1 if self.is_rootless else rest.pop(0)
        self.code = rest.pop(0) if wanted.has_code else -1
        self.layers = rest.pop(0) if wanted.has_layers else -1
        self.cgroups = rest[: wanted.groups]
        self.descriptors = descriptors


def be_born(birth: Birth, link: socket.socket, run: Callable[[int, int], None]) -> None:
    """Become the environment: never returns. `run` gets the configuration's descriptor in a confined process."""
    for descriptor in birth.cgroups:  # 1. its cgroup
        os.write(descriptor, b"0")
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.unshare(  # 2. its namespaces
        syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
    )
    socket.sethostname("169-254-100-1")
    listener = _enter_network(birth)  # 3. its network
    link.close()
    _mount(birth)  # 4. its file system; the spawner mounts the code from outside
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(_SPARED))
    _enter_user_namespace(birth)  # 5. its user ids
    init.serve(birth.orders, listener, run)  # 6. PID 1 for the rest of its life


def _enter_network(birth: Birth) -> int:
    """Enter the network namespace; return a listener for the Runtime API where the spawner hasn't one already."""
    if not birth.is_rootless:
        syscalls.setns(birth.network, syscalls.CLONE_NEWNET)
        return -1
    syscalls.unshare(syscalls.CLONE_NEWNET)
    return networks.open_listener().detach()


def _mount(birth: Birth) -> None:
    plain = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("tmp", "/tmp", "tmpfs", plain, f"size={birth.tmp_mib}m,mode=1777")
    syscalls.mount("proc", "/proc", "proc", plain | syscalls.MS_NOEXEC)
    for name in os.listdir("/proc"):
        if name not in _OF_PROC and not name.isdigit():
            syscalls.cover(b"/proc/" + name.encode(), _NOTHING, _EMPTY)
    if birth.is_rootless:
        networks.refuse_copies()
    syscalls.mount("/proc/sys", "/proc/sys", None, syscalls.MS_BIND)
    syscalls.mount("none", "/proc/sys", None, syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | plain)
    for image, place in ((birth.code, "/var/task"), (birth.layers, "/opt")):
        if image >= 0:
            rootless.unpack_at(image, place)


def _enter_user_namespace(birth: Birth) -> None:
    if not birth.is_rootless:
        syscalls.setns(birth.user_namespace, syscalls.CLONE_NEWUSER)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        return
    rootless.enter_user_namespace(USER_ID, GROUP_ID)
