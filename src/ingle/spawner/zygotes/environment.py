"""The birth of an execution environment, step by step, in the process that becomes its PID 1.

Nothing of the customer's is read before step 8: until then the process is privileged, after it never again.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable

from .. import messages, networks, seccomp, syscalls, unpack

USER_ID, GROUP_ID = 993, 990
_MASKED = ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger", "/proc/kallsyms", "/proc/kmsg")
_FILTER = seccomp.build_filter()


class Birth:
    """What an environment is made of: integers and descriptors from the spawner."""

    def __init__(self, values: list[int], descriptors: list[int]) -> None:
        self.identifier, self.tmp_mib, self.is_rootless, self.code_kind, cgroups, self.outer_id = values
        self.configuration, self.output, self.telemetry, self.status = descriptors[:4]
        rest = descriptors[4:]
        self.code = rest.pop(0) if self.code_kind else -1
        self.user_namespace = -1 if self.is_rootless else rest.pop(0)
        self.network = -1 if self.is_rootless else rest.pop(0)
        self.cgroups = rest[:cgroups]
        self.descriptors = descriptors


def be_born(birth: Birth, link: socket.socket, run: Callable[[int], None]) -> None:
    """Become the environment: never returns. `run` gets the configuration's descriptor in the confined process."""
    for descriptor in birth.cgroups:  # 1. its cgroup
        os.write(descriptor, b"0")
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.unshare(  # 2. its namespaces
        syscalls.CLONE_NEWNS | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | syscalls.CLONE_NEWCGROUP
    )
    socket.sethostname("169-254-100-1")
    _enter_network(birth, link)  # 3. its network, with the Runtime API's listener, which is handed out
    link.close()
    _mount(birth)  # 4. its file system
    _enter_user_namespace(birth)  # 5. its user ids
    child = os.fork()  # 6. the runtime
    if child == 0:
        _confine(birth.configuration, birth.output, birth.telemetry)
        run(3)
        os._exit(0)
    _watch(child, birth.status)


def _enter_network(birth: Birth, link: socket.socket) -> None:
    if not birth.is_rootless:
        syscalls.setns(birth.network, syscalls.CLONE_NEWNET)
        return
    syscalls.unshare(syscalls.CLONE_NEWNET)
    with networks.open_listener() as listener:
        messages.send(link, messages.Kind.LISTENING, birth.identifier, descriptors=[listener.fileno()])


def _mount(birth: Birth) -> None:
    plain = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("tmp", "/tmp", "tmpfs", plain, f"size={birth.tmp_mib}m,mode=1777")
    syscalls.mount("proc", "/proc", "proc", plain | syscalls.MS_NOEXEC)
    for path in _MASKED:
        if os.path.exists(path):
            syscalls.mount("/dev/null", path, None, syscalls.MS_BIND)
    syscalls.mount("/proc/sys", "/proc/sys", None, syscalls.MS_BIND)
    syscalls.mount("none", "/proc/sys", None, syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY | plain)
    if birth.code_kind == 1:
        syscalls.move_mount(birth.code, "/var/task")
    elif birth.code_kind == 2:
        syscalls.mount("task", "/var/task", "tmpfs", plain, "mode=0755")
        unpack.unpack_image(birth.code, "/var/task")
        read_only = syscalls.MS_BIND | syscalls.MS_REMOUNT | syscalls.MS_RDONLY
        syscalls.mount("none", "/var/task", None, read_only | plain)


def _enter_user_namespace(birth: Birth) -> None:
    if not birth.is_rootless:
        syscalls.setns(birth.user_namespace, syscalls.CLONE_NEWUSER)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        return
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    for name, content in (("setgroups", "deny"), ("uid_map", f"{USER_ID} 0 1"), ("gid_map", f"{GROUP_ID} 0 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(content)


def _confine(configuration: int, output: int, telemetry: int) -> None:
    """Leave nothing but the user's own rights: descriptors 0 to 4, one uid, no capability, the filter."""
    os.setsid()
    null = os.open("/dev/null", os.O_RDONLY)
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for fd in (null, output, output, configuration, telemetry)]
    for target, source in enumerate(moved):
        os.dup2(source, target, inheritable=target != 3)
    os.closerange(5, 4096)
    limits = ((resource.RLIMIT_NOFILE, 1024), (resource.RLIMIT_MEMLOCK, 65536), (resource.RLIMIT_CORE, 0))
    for kind, limit in limits:
        resource.setrlimit(kind, (limit, limit))
    syscalls.drop_bounding_set()
    if os.getuid() != USER_ID:
        os.setgroups([])
        os.setresgid(GROUP_ID, GROUP_ID, GROUP_ID)
        os.setresuid(USER_ID, USER_ID, USER_ID)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)  # changing ids made our own /proc/self unreadable to us
    os.umask(0o022)
    os.chdir("/var/task")
    syscalls.install_filter(_FILTER)


def _watch(child: int, status: int) -> None:
    """Be PID 1: reap what is orphaned, tell the runtime's end, and end with it, which ends everything here."""
    moved = fcntl.fcntl(status, fcntl.F_DUPFD, 64)
    os.dup2(moved, 0, inheritable=False)
    os.closerange(1, 4096)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    syscalls.drop_bounding_set()
    syscalls.drop_capabilities()
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)
    syscalls.install_filter(_FILTER)
    while True:
        ended, how = os.waitpid(-1, 0)
        if ended == child:
            os.write(0, struct.pack("<i", how))
            os._exit(0)


def reseed() -> None:
    """Give the copy its own randomness: the zygote's generator must not repeat in every environment."""
    if "random" in sys.modules:
        sys.modules["random"].seed()
