"""The system calls that an execution environment may make: an allow-list, as a classic BPF program (seccomp(2)).

What is absent answers EPERM. Left out are namespaces, mounts, keys, tracing, bpf, perf, io_uring, userfaultfd, kernel
modules, clocks and everything else that reaches beyond the environment. `call_arguments` has those whose arguments decide.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterable, Mapping

from . import call_arguments as arguments

# x86_64, in the order of their numbers from 0 (arch/x86/entry/syscalls/syscall_64.tbl)
_X86_64 = [
    "read",
    "write",
    "open",
    "close",
    "stat",
    "fstat",
    "lstat",
    "poll",
    "lseek",
    "mmap",
    "mprotect",
    "munmap",
    "brk",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "ioctl",
    "pread64",
    "pwrite64",
    "readv",
    "writev",
    "access",
    "pipe",
    "select",
    "sched_yield",
    "mremap",
    "msync",
    "mincore",
    "madvise",
    "shmget",
    "shmat",
    "shmctl",
    "dup",
    "dup2",
    "pause",
    "nanosleep",
    "getitimer",
    "alarm",
    "setitimer",
    "getpid",
    "sendfile",
    "socket",
    "connect",
    "accept",
    "sendto",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "shutdown",
    "bind",
    "listen",
    "getsockname",
    "getpeername",
    "socketpair",
    "setsockopt",
    "getsockopt",
    "clone",
    "fork",
    "vfork",
    "execve",
    "exit",
    "wait4",
    "kill",
    "uname",
    "semget",
    "semop",
    "semctl",
    "shmdt",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
    "fcntl",
    "flock",
    "fsync",
    "fdatasync",
    "truncate",
    "ftruncate",
    "getdents",
    "getcwd",
    "chdir",
    "fchdir",
    "rename",
    "mkdir",
    "rmdir",
    "creat",
    "link",
    "unlink",
    "symlink",
    "readlink",
    "chmod",
    "fchmod",
    "chown",
    "fchown",
    "lchown",
    "umask",
    "gettimeofday",
    "getrlimit",
    "getrusage",
    "sysinfo",
    "times",
    "ptrace",
    "getuid",
    "syslog",
    "getgid",
    "setuid",
    "setgid",
    "geteuid",
    "getegid",
    "setpgid",
    "getppid",
    "getpgrp",
    "setsid",
    "setreuid",
    "setregid",
    "getgroups",
    "setgroups",
    "setresuid",
    "getresuid",
    "setresgid",
    "getresgid",
    "getpgid",
    "setfsuid",
    "setfsgid",
    "getsid",
    "capget",
    "capset",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "rt_sigsuspend",
    "sigaltstack",
    "utime",
    "mknod",
    "uselib",
    "personality",
    "ustat",
    "statfs",
    "fstatfs",
    "sysfs",
    "getpriority",
    "setpriority",
    "sched_setparam",
    "sched_getparam",
    "sched_setscheduler",
    "sched_getscheduler",
    "sched_get_priority_max",
    "sched_get_priority_min",
    "sched_rr_get_interval",
    "mlock",
    "munlock",
    "mlockall",
    "munlockall",
    "vhangup",
    "modify_ldt",
    "pivot_root",
    "_sysctl",
    "prctl",
    "arch_prctl",
    "adjtimex",
    "setrlimit",
    "chroot",
    "sync",
    "acct",
    "settimeofday",
    "mount",
    "umount2",
    "swapon",
    "swapoff",
    "reboot",
    "sethostname",
    "setdomainname",
    "iopl",
    "ioperm",
    "create_module",
    "init_module",
    "delete_module",
    "get_kernel_syms",
    "query_module",
    "quotactl",
    "nfsservctl",
    "getpmsg",
    "putpmsg",
    "afs_syscall",
    "tuxcall",
    "security",
    "gettid",
    "readahead",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "getxattr",
    "lgetxattr",
    "fgetxattr",
    "listxattr",
    "llistxattr",
    "flistxattr",
    "removexattr",
    "lremovexattr",
    "fremovexattr",
    "tkill",
    "time",
    "futex",
    "sched_setaffinity",
    "sched_getaffinity",
    "set_thread_area",
    "io_setup",
    "io_destroy",
    "io_getevents",
    "io_submit",
    "io_cancel",
    "get_thread_area",
    "lookup_dcookie",
    "epoll_create",
    "epoll_ctl_old",
    "epoll_wait_old",
    "remap_file_pages",
    "getdents64",
    "set_tid_address",
    "restart_syscall",
    "semtimedop",
    "fadvise64",
    "timer_create",
    "timer_settime",
    "timer_gettime",
    "timer_getoverrun",
    "timer_delete",
    "clock_settime",
    "clock_gettime",
    "clock_getres",
    "clock_nanosleep",
    "exit_group",
    "epoll_wait",
    "epoll_ctl",
    "tgkill",
    "utimes",
    "vserver",
    "mbind",
    "set_mempolicy",
    "get_mempolicy",
    "mq_open",
    "mq_unlink",
    "mq_timedsend",
    "mq_timedreceive",
    "mq_notify",
    "mq_getsetattr",
    "kexec_load",
    "waitid",
    "add_key",
    "request_key",
    "keyctl",
    "ioprio_set",
    "ioprio_get",
    "inotify_init",
    "inotify_add_watch",
    "inotify_rm_watch",
    "migrate_pages",
    "openat",
    "mkdirat",
    "mknodat",
    "fchownat",
    "futimesat",
    "newfstatat",
    "unlinkat",
    "renameat",
    "linkat",
    "symlinkat",
    "readlinkat",
    "fchmodat",
    "faccessat",
    "pselect6",
    "ppoll",
    "unshare",
    "set_robust_list",
    "get_robust_list",
    "splice",
    "tee",
    "sync_file_range",
    "vmsplice",
    "move_pages",
    "utimensat",
    "epoll_pwait",
    "signalfd",
    "timerfd_create",
    "eventfd",
    "fallocate",
    "timerfd_settime",
    "timerfd_gettime",
    "accept4",
    "signalfd4",
    "eventfd2",
    "epoll_create1",
    "dup3",
    "pipe2",
    "inotify_init1",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "perf_event_open",
    "recvmmsg",
    "fanotify_init",
    "fanotify_mark",
    "prlimit64",
    "name_to_handle_at",
    "open_by_handle_at",
    "clock_adjtime",
    "syncfs",
    "sendmmsg",
    "setns",
    "getcpu",
    "process_vm_readv",
    "process_vm_writev",
    "kcmp",
    "finit_module",
    "sched_setattr",
    "sched_getattr",
    "renameat2",
    "seccomp",
    "getrandom",
    "memfd_create",
    "kexec_file_load",
    "bpf",
    "execveat",
    "userfaultfd",
    "membarrier",
    "mlock2",
    "copy_file_range",
    "preadv2",
    "pwritev2",
    "pkey_mprotect",
    "pkey_alloc",
    "pkey_free",
    "statx",
    "io_pgetevents",
    "rseq",
]
_X86_64_LATER = {
    "pidfd_send_signal": 424, "clone3": 435, "close_range": 436, "openat2": 437, "faccessat2": 439,
    "epoll_pwait2": 441, "futex_waitv": 449, "fchmodat2": 452,
}  # fmt: skip

_REFUSED = frozenset(
    [
        "shmget",
        "shmat",
        "shmctl",
        "semget",
        "semop",
        "semctl",
        "shmdt",
        "msgget",
        "msgsnd",
        "msgrcv",
        "msgctl",
        "semtimedop",
        "ptrace",
        "syslog",
        "setgroups",
        "mknod",
        "uselib",
        "personality",
        "ustat",
        "sysfs",
        "vhangup",
        "modify_ldt",
        "pivot_root",
        "_sysctl",
        "adjtimex",
        "chroot",
        "acct",
        "settimeofday",
        "mount",
        "umount2",
        "swapon",
        "swapoff",
        "reboot",
        "sethostname",
        "setdomainname",
        "iopl",
        "ioperm",
        "create_module",
        "init_module",
        "delete_module",
        "get_kernel_syms",
        "query_module",
        "quotactl",
        "nfsservctl",
        "getpmsg",
        "putpmsg",
        "afs_syscall",
        "tuxcall",
        "security",
        "set_thread_area",
        "io_setup",
        "io_destroy",
        "io_getevents",
        "io_submit",
        "io_cancel",
        "get_thread_area",
        "lookup_dcookie",
        "epoll_ctl_old",
        "epoll_wait_old",
        "remap_file_pages",
        "clock_settime",
        "vserver",
        "mbind",
        "set_mempolicy",
        "kexec_load",
        "add_key",
        "request_key",
        "keyctl",
        "migrate_pages",
        "mknodat",
        "unshare",
        "move_pages",
        "perf_event_open",
        "fanotify_init",
        "fanotify_mark",
        "name_to_handle_at",
        "open_by_handle_at",
        "clock_adjtime",
        "setns",
        "process_vm_readv",
        "process_vm_writev",
        "kcmp",
        "finit_module",
        "seccomp",
        "kexec_file_load",
        "bpf",
        "userfaultfd",
        "vmsplice",
        "io_pgetevents",
        "mq_open",
        "mq_unlink",
        "mq_timedsend",
        "mq_timedreceive",
        "mq_notify",
        "mq_getsetattr",
    ]
)

_ALLOW, _NOTIFY, _ERROR, _KILL = 0x7FFF0000, 0x7FC00000, 0x00050000, 0x80000000
_LOAD, _JEQ, _JGE, _JGT, _JSET, _RET, _AND = 0x20, 0x15, 0x35, 0x25, 0x45, 0x06, 0x54
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_BY_ARGUMENT = {"clone3", "socket", "socketpair", "ioctl", "prctl", "setsockopt"}
Instruction = tuple[int, int, int, int]


def numbers() -> dict[str, int]:
    """Return the numbers of the known system calls on this machine. Raises OSError on an unknown architecture."""
    if platform.machine() != "x86_64":
        raise OSError(0, f"no seccomp table for {platform.machine()}")
    return {**{name: at for at, name in enumerate(_X86_64)}, **_X86_64_LATER}


def looked_at() -> set[str]:
    """Return the names of the calls whose arguments decide, or that do nothing."""
    return _BY_ARGUMENT | set(arguments.BITS) | set(arguments.WITHOUT_EFFECT)


def allowed_names() -> list[str]:
    """Return the names of the calls that are allowed whatever their arguments."""
    return sorted(name for name in numbers() if name not in _REFUSED and name not in looked_at())


def build_filter(*, makes_netlink: bool = False) -> bytes:
    """Return the filter program; the one of an init that `makes_netlink` sockets leaves more to `build_inner_filter`."""
    known = numbers()
    ioctls, refused = arguments.IOCTLS, arguments.REFUSED_OPTIONS
    if makes_netlink:
        ioctls = {**ioctls, **arguments.NOTIFICATIONS}
        options = {name: rule for name, rule in refused["SOL_SOCKET"].items() if name not in arguments.INNER_OPTIONS}
        refused = {**refused, "SOL_SOCKET": options}
    code: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JEQ, 1, 0, _AUDIT_ARCH_X86_64),
        (_RET, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JGE, 0, 1, _X32),
        _answer(errno.ENOSYS),
    ]
    bodies = {
        "clone3": [_answer(errno.ENOSYS)],  # libc falls back to clone, whose flags we can read
        "socket": [*(_netlink() if makes_netlink else []), *_socket()],
        "socketpair": [_load(0), *_unless(arguments.AF_UNIX, errno.EAFNOSUPPORT)],
        "ioctl": _among(1, ioctls.values(), errno.ENOTTY),
        "prctl": _among(0, arguments.PRCTLS.values(), errno.EINVAL),
        "setsockopt": _setsockopt(refused),
        **{name: [_answer(arguments.SUCCESS)] for name in arguments.WITHOUT_EFFECT},
        **{name: _bits(rule) for name, rule in arguments.BITS.items()},
        **({"seccomp": _among(0, [arguments.SET_MODE_FILTER], errno.EPERM)} if makes_netlink else {}),
    }
    for name, body in bodies.items():
        code += _only(known[name], body)
    for low, high in _ranges(sorted(known[name] for name in allowed_names())):
        code += [(_JGE, 0, 2, low), (_JGT, 1, 0, high), (_RET, 0, 0, _ALLOW)]
    return _pack([*code, _answer(errno.EPERM)])


def build_inner_filter() -> bytes:
    """Return what holds beside its filter for all that an init starts: a netlink socket is for the init to make.

    What either refuses is refused (seccomp(2)): a socket that the init's filter doesn't allow is never asked for.
    """
    known = numbers()
    bodies = {
        "seccomp": [_answer(errno.EPERM)],
        "socket": [_load(0), (_JEQ, 0, 1, arguments.AF_NETLINK), (_RET, 0, 0, _NOTIFY)],
        "ioctl": _not_among(1, dict.fromkeys(arguments.NOTIFICATIONS.values(), errno.ENOTTY)),
        "setsockopt": [
            _load(1),
            (_JEQ, 1, 0, arguments.LEVELS["SOL_SOCKET"]),
            (_RET, 0, 0, _ALLOW),
            *_not_among(2, dict(arguments.INNER_OPTIONS.values())),
        ],
    }
    code: list[Instruction] = [(_LOAD, 0, 0, _NUMBER)]
    for name, body in bodies.items():
        code += _only(known[name], body)
    return _pack([*code, (_RET, 0, 0, _ALLOW)])


def _pack(code: Iterable[Instruction]) -> bytes:
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def _answer(number: int) -> Instruction:
    return _RET, 0, 0, _ERROR | number


def _load(argument: int) -> Instruction:
    """Load the lower half of an argument: all that is looked at are ints, or flags there."""
    return _LOAD, 0, 0, _ARGUMENTS + 8 * argument


def _unless(value: int, answer: int) -> list[Instruction]:
    return [(_JEQ, 1, 0, value), _answer(answer)]


def _among(argument: int, allowed: Iterable[int], answer: int) -> list[Instruction]:
    body = [_load(argument)]
    for value in allowed:
        body += [(_JEQ, 0, 1, value), (_RET, 0, 0, _ALLOW)]
    return [*body, _answer(answer)]


def _not_among(argument: int, refused: Mapping[int, int]) -> list[Instruction]:
    body = [_load(argument)]
    for value, answer in refused.items():
        body += [(_JEQ, 0, 1, value), _answer(answer)]
    return body


def _bits(rule: arguments.Bits) -> list[Instruction]:
    return [_load(rule.argument), (_JSET, 0, 1, rule.bits), _answer(rule.answer)]


def _socket() -> list[Instruction]:
    """Unix sockets; streams and datagrams of the internet by TCP and UDP alone: other protocols would load modules."""
    internet = [
        _load(1),
        (_AND, 0, 0, arguments.TYPE_MASK),
        (_JEQ, 2, 0, arguments.STREAM),
        (_JEQ, 1, 0, arguments.DATAGRAM),
        _answer(errno.EPERM),
        *_among(2, arguments.INTERNET_PROTOCOLS, errno.EPROTONOSUPPORT),
    ]
    return [
        _load(0),
        (_JEQ, 3, 0, arguments.AF_INET),
        (_JEQ, 2, 0, arguments.AF_INET6),
        (_JEQ, len(internet) + 1, 0, arguments.AF_UNIX),
        _answer(errno.EAFNOSUPPORT),
        *internet,
    ]


def _netlink() -> list[Instruction]:
    """Netlink of routes alone: other protocols would load modules, and do more than tell what interfaces there are."""
    checks = [
        _load(1),
        (_AND, 0, 0, arguments.TYPE_MASK),
        (_JEQ, 2, 0, arguments.RAW),
        (_JEQ, 1, 0, arguments.DATAGRAM),
        _answer(errno.ESOCKTNOSUPPORT),
        *_among(2, [arguments.NETLINK_ROUTE], errno.EPROTONOSUPPORT),
    ]
    return [_load(0), (_JEQ, 0, len(checks), arguments.AF_NETLINK), *checks]


def _setsockopt(refused: Mapping[str, Mapping[str, tuple[int, int]]]) -> list[Instruction]:
    body: list[Instruction] = []
    for level, number in arguments.LEVELS.items():
        options = [*_not_among(2, dict(refused[level].values())), (_RET, 0, 0, _ALLOW)]
        body += [_load(1), (_JEQ, 0, len(options), number), *options]
    return [*body, _answer(errno.ENOPROTOOPT)]


def _only(number: int, body: list[Instruction]) -> list[Instruction]:
    """Run `body` for one system call; it returns a refusal or falls through to being allowed."""
    return [(_JEQ, 0, len(body) + 1, number), *body, (_RET, 0, 0, _ALLOW)]


def _ranges(ordered: list[int]) -> list[tuple[int, int]]:
    made: list[tuple[int, int]] = []
    for number in ordered:
        if made and made[-1][1] == number - 1:
            made[-1] = (made[-1][0], number)
        else:
            made.append((number, number))
    return made
