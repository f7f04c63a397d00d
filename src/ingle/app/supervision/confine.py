"""Confines a program of Ingle's own to the files that it needs: Landlock (landlock(7)) and no capabilities.

All programs run as one user, so the table of who may know what needs the kernel: the gateway can open neither keys nor
database nor chunks, the worker no keys and no database, whatever a flaw in them makes them try.
"""

import ctypes
import os
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from ingle.spawner.kernel import syscalls

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ = 1 << 0 | 1 << 2 | 1 << 3
_FIRST_ABI = (1 << 13) - 1
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_ON_FILES = 1 << 0 | 1 << 1 | 1 << 2 | _TRUNCATE
_BENEATH, _PORT = 1, 2
_BIND, _CONNECT = 1 << 0, 1 << 1
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_NO_SIGNALS_NOR_ABSTRACT_SOCKETS = 1 << 1 | 1 << 0
_BROUGHT = {
    1: ("files", "5.13"),
    3: ("truncation", "6.2"),
    _NETWORK_ABI: ("TCP ports", "6.7"),
    _SCOPE_ABI: ("signals and abstract sockets", "6.12"),
}
"""What of ours each version of Landlock came to hold, and with which Linux."""
_libc = ctypes.CDLL(None, use_errno=True)


def landlock_abi() -> int:
    """Return the kernel's Landlock version; 0 where there is none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, 0, 1)))


def tell_landlock(abi: int) -> str:
    """Return what a version of Landlock holds of our own programs, and what it doesn't."""
    held = [what for since, (what, _) in _BROUGHT.items() if abi >= since]
    open_ = [f"{what} (Linux {linux})" for since, (what, linux) in _BROUGHT.items() if abi < since]
    seen = f"version {abi}: holds {', '.join(held)}" if held else "missing"
    return f"{seen}; not {', '.join(open_)}" if open_ else seen


def confine(
    read: Iterable[Path], write: Iterable[Path], *, bind: Iterable[int] = (), connect: Iterable[int] | None = ()
) -> bool:
    """Give up every capability, every file but these (and the interpreter's), and every TCP port but these.

    `connect` is None for who may connect to any. Returns whether Landlock holds; what it holds depends on the kernel.
    """
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if os.geteuid() == 0:
        syscalls.drop_bounding_set()
        syscalls.keep_capabilities(())
    abi = landlock_abi()
    if not abi:
        return False
    handled = _FIRST_ABI | (_REFER if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    on_ports = (_BIND | (_CONNECT if connect is not None else 0)) if abi >= _NETWORK_ABI else 0
    attributes = struct.pack("<Q", handled)
    if abi >= _NETWORK_ABI:
        attributes += struct.pack("<Q", on_ports)
    if abi >= _SCOPE_ABI:
        attributes += struct.pack("<Q", _NO_SIGNALS_NOR_ABSTRACT_SOCKETS)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in (*_own_files(), *read):
        _allow(ruleset, path, _READ & handled)
    for path in (*write, Path("/dev/null")):
        _allow(ruleset, path, handled)
    if on_ports:
        for access, ports in ((_BIND, bind), (_CONNECT, connect or ())):
            for port in ports:
                _libc.syscall(_ADD_RULE, ruleset, _PORT, struct.pack("<QQ", access, port), 0)
    restricted = bool(_libc.syscall(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return restricted


_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/proc", "/sys/fs/cgroup", "/dev/urandom"),
    *(
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf",
        "/etc/pki/tls/certs",
        "/etc/crypto-policies",
    ),
    *("/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf", "/etc/gai.conf", "/etc/services"),
    *("/etc/passwd", "/etc/group", "/etc/mime.types"),
)
"""What the interpreter, the C library and OpenSSL read."""
_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")


def _own_files() -> list[Path]:
    """Return the interpreter's files and ours, by name: sys.path may hold whatever somebody's environment says."""
    package = Path(__file__).resolve().parents[2]
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    libraries = [sysconfig.get_path(name, vars=base) for name in _LIBRARIES]
    libraries += [sysconfig.get_path(name) for name in _LIBRARIES]
    shared = sysconfig.get_config_var("LIBDIR")  # of an interpreter that links to its library
    return [package, *map(Path, (*libraries, *([shared] if shared else []), *_SYSTEM))]


def _allow(ruleset: int, path: Path, access: int) -> None:
    if not path.exists():
        return
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        access = access if path.is_dir() else access & _ON_FILES
        _libc.syscall(_ADD_RULE, ruleset, _BENEATH, struct.pack("<Qi", access, descriptor), 0)
    finally:
        os.close(descriptor)
