"""How to get what a host lacks: commands that fit who runs Ingle and what this kernel asks."""

from collections.abc import Sequence
from pathlib import Path

_SETTINGS = {
    "kernel.unprivileged_userns_clone": ("0", "1"),  # Debian and Arch
    "kernel.apparmor_restrict_unprivileged_userns": ("1", "0"),  # Ubuntu, from 23.10 on
    "user.max_user_namespaces": ("0", "10000"),  # RHEL 7, and whoever hardens
}
"""The kernel settings that keep namespaces from ordinary users: the value that does, and the one that doesn't."""


def namespaces_remedy(*, is_root: bool, system: Path = Path("/proc/sys")) -> str:
    """Return how to get namespaces; `system` is where the kernel's settings are read."""
    if is_root:
        return "run outside of a container, or in one with CAP_SYS_ADMIN (--privileged)"
    set_so = []
    for name, (bad, good) in _SETTINGS.items():
        file = system / name.replace(".", "/")
        if file.exists() and file.read_text().strip() == bad:
            set_so.append(f"{name}={good}")
    if not set_so:
        return "a kernel with user namespaces; in a container, one that may make them"
    now = " ".join(set_so)
    return f"as root: sysctl -w {now}; to keep it: echo the same, a line each, into /etc/sysctl.d/60-ingle.conf"


def cgroups_remedy(*, is_root: bool, is_read_only: bool = False) -> str:
    """Return how to get limits on memory, processes and processors."""
    if is_root and is_read_only:
        return "leave ProtectControlGroups=yes out of the unit; in a container: --privileged --cgroupns=private"
    if is_root:
        return "mount cgroup2 at /sys/fs/cgroup, writable; in a container: --privileged --cgroupns=private"
    return "run as root, or in a user's unit with Delegate=yes (`ingle unit` prints one)"


def module_remedy(modules: Sequence[str], *, is_root: bool) -> str:
    """Return how to load kernel modules now, and at each boot: modprobe does not last."""
    now = f"{'' if is_root else 'as root: '}modprobe -a {' '.join(modules)}"
    return f"{now}; to keep it: {' and '.join(modules)}, a line each, in /etc/modules-load.d/ingle.conf"
