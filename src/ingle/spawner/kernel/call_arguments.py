"""The system calls that are allowed for some arguments: which, and what the others are answered.

An answer is what a kernel without the feature gives, so that programs know what to do; 0 stands for success without
effect, for calls that would cost the host something and that mean nothing where all that can be written is memory.
"""

from __future__ import annotations

import dataclasses
import errno

SUCCESS = 0
AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
STREAM, DATAGRAM, RAW, TYPE_MASK = 1, 2, 3, 0xF
INTERNET_PROTOCOLS = (0, 6, 17)
NETLINK_ROUTE = 0
NEW_NAMESPACES = 0x7E020080
SET_MODE_FILTER = 1

IOCTLS = {
    "TCGETS": 0x5401, "TCSETS": 0x5402, "TCSETSW": 0x5403, "TCSETSF": 0x5404, "TIOCSCTTY": 0x540E, "TIOCGPGRP": 0x540F,
    "TIOCSPGRP": 0x5410, "TIOCOUTQ": 0x5411, "TIOCGWINSZ": 0x5413, "TIOCSWINSZ": 0x5414, "FIONREAD": 0x541B,
    "FIONBIO": 0x5421, "TIOCNOTTY": 0x5422, "FIONCLEX": 0x5450, "FIOCLEX": 0x5451, "FIOASYNC": 0x5452,
    "FIOQSIZE": 0x5460, "RNDGETENTCNT": 0x80045200, "TCGETS2": 0x802C542A,
    "SIOCATMARK": 0x8905, "SIOCGIFNAME": 0x8910, "SIOCGIFCONF": 0x8912, "SIOCGIFFLAGS": 0x8913, "SIOCGIFADDR": 0x8915,
    "SIOCGIFDSTADDR": 0x8917, "SIOCGIFBRDADDR": 0x8919, "SIOCGIFNETMASK": 0x891B, "SIOCGIFMTU": 0x8921,
    "SIOCGIFHWADDR": 0x8927, "SIOCGIFINDEX": 0x8933,
}  # fmt: skip
"""Terminals as far as they tell, descriptors' flags, what waits in a pipe or socket, what interfaces there are."""

NOTIFICATIONS = {
    "SECCOMP_IOCTL_NOTIF_RECV": 0xC0502100, "SECCOMP_IOCTL_NOTIF_SEND": 0xC0182101, "SECCOMP_IOCTL_NOTIF_ADDFD": 0x40182103,
}  # fmt: skip
"""How an init hears of the netlink sockets that its processes ask for, and hands them over."""

PRCTLS = {
    "PR_SET_PDEATHSIG": 1, "PR_GET_PDEATHSIG": 2, "PR_GET_DUMPABLE": 3, "PR_SET_DUMPABLE": 4, "PR_GET_KEEPCAPS": 7,
    "PR_SET_KEEPCAPS": 8, "PR_SET_NAME": 15, "PR_GET_NAME": 16, "PR_GET_SECCOMP": 21, "PR_CAPBSET_READ": 23,
    "PR_CAPBSET_DROP": 24, "PR_GET_SECUREBITS": 27, "PR_SET_TIMERSLACK": 29, "PR_GET_TIMERSLACK": 30,
    "PR_SET_CHILD_SUBREAPER": 36, "PR_GET_CHILD_SUBREAPER": 37, "PR_SET_NO_NEW_PRIVS": 38, "PR_GET_NO_NEW_PRIVS": 39,
    "PR_GET_TID_ADDRESS": 40, "PR_SET_THP_DISABLE": 41, "PR_GET_THP_DISABLE": 42, "PR_CAP_AMBIENT": 47,
    "PR_GET_SPECULATION_CTRL": 52, "PR_SET_SPECULATION_CTRL": 53, "PR_SET_MDWE": 65, "PR_GET_MDWE": 66,
    "PR_GET_AUXV": 0x41555856, "PR_SET_VMA": 0x53564D41, "PR_SET_PTRACER": 0x59616D61,
}  # fmt: skip
"""Names, ends, dumps, timers, memory's names, what can't be gained. Not: filters of one's own, shared cores, KSM."""

LEVELS = {"SOL_IP": 0, "SOL_SOCKET": 1, "SOL_TCP": 6, "SOL_UDP": 17, "SOL_IPV6": 41}
REFUSED_OPTIONS: dict[str, dict[str, tuple[int, int]]] = {
    "SOL_SOCKET": {
        "SO_ATTACH_FILTER": (26, errno.ENOPROTOOPT), "SO_TIMESTAMPING_OLD": (37, errno.ENOPROTOOPT),
        "SO_ATTACH_BPF": (50, errno.ENOPROTOOPT), "SO_ATTACH_REUSEPORT_CBPF": (51, errno.ENOPROTOOPT),
        "SO_ATTACH_REUSEPORT_EBPF": (52, errno.ENOPROTOOPT), "SO_ZEROCOPY": (60, errno.ENOPROTOOPT),
        "SO_TXTIME": (61, errno.ENOPROTOOPT), "SO_TIMESTAMPING_NEW": (65, errno.ENOPROTOOPT),
    },
    "SOL_IP": {"IP_RECVERR": (11, SUCCESS), "IPT_SO_SET_REPLACE": (64, errno.ENOPROTOOPT),
               "IPT_SO_SET_ADD_COUNTERS": (65, errno.ENOPROTOOPT), "ARPT_SO_SET_REPLACE": (96, errno.ENOPROTOOPT)},
    "SOL_IPV6": {"IPV6_RECVERR": (25, SUCCESS), "IP6T_SO_SET_REPLACE": (64, errno.ENOPROTOOPT),
                 "IP6T_SO_SET_ADD_COUNTERS": (65, errno.ENOPROTOOPT)},
    "SOL_TCP": {"TCP_MD5SIG": (14, errno.ENOPROTOOPT), "TCP_REPAIR": (19, errno.ENOPROTOOPT),
                "TCP_ULP": (31, errno.ENOPROTOOPT), "TCP_MD5SIG_EXT": (32, errno.ENOPROTOOPT)},
    "SOL_UDP": {"UDP_ENCAP": (100, errno.ENOPROTOOPT)},
}  # fmt: skip
"""Programs in the kernel, tables of a firewall, protocols by module, and the queue for errors, whose memory no group pays
for (glibc asks for that one with each look-up of a name, and takes a refusal for the end of it)."""

INNER_OPTIONS = {"SO_ATTACH_FILTER": (26, errno.ENOPROTOOPT), "SO_SNDBUF": (7, SUCCESS), "SO_RCVBUF": (8, SUCCESS)}
"""Options at SOL_SOCKET that an init may set and its processes may not, where these have netlink sockets: no group pays
for what such a socket holds, nor for what is on its way into the kernel, and no filter can tell it from the others."""


@dataclasses.dataclass(frozen=True)
class Bits:
    """A call that is answered `answer` where `argument` has one of `bits`; else it is allowed."""

    argument: int
    bits: int
    answer: int
    why: str


BITS = {
    "clone": Bits(0, NEW_NAMESPACES, errno.EPERM, "a flag that makes a namespace"),
    "mmap": Bits(3, 0x40000, errno.ENOMEM, "MAP_HUGETLB: the host's huge pages, which no group counts"),
    "memfd_create": Bits(1, 4, errno.EINVAL, "MFD_HUGETLB: the same"),
    "preadv2": Bits(5, 8, errno.EOPNOTSUPP, "RWF_NOWAIT: shows what of the host's files is in memory"),
    "msync": Bits(2, 4, SUCCESS, "MS_SYNC: would make the host write its disks"),
}
WITHOUT_EFFECT = {
    "sync": "would make the host write its disks",
    "syncfs": "the same, by a descriptor of a file that the host lends",
    "fsync": "the same",
    "fdatasync": "the same",
    "sync_file_range": "the same",
    "fadvise64": "would drop from memory what others have there of files that the host lends",
    "readahead": "would read them from the host's disk",
}
"""What can be written is memory, which nothing of this concerns."""
OBJECTS = {
    "sockets": "`socket`, `socketpair` (both by family, type and protocol); `accept`, `accept4`, `recvmsg`, `recvmmsg` bring"
    " what others made; an init hands over netlink sockets; not `io_uring_*`, `pidfd_getfd`",
    "namespaces": "`clone` (by flags); not `clone3`, `unshare`, `setns`, `ioctl` NS_GET_*",
    "other processes": "`kill`, `tkill`, `tgkill`, `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, `pidfd_send_signal`, all within"
    " the pid namespace; not `ptrace`, `process_vm_*`, `process_madvise`, `pidfd_open`, `pidfd_getfd`, `kcmp`",
    "filters and programs in the kernel": "none: not `seccomp`, `prctl` PR_SET_SECCOMP, `bpf`, `setsockopt` SO_ATTACH_*",
    "huge pages": "none: not `mmap` MAP_HUGETLB, `memfd_create` MFD_HUGETLB, `shmget`",
    "the host's page cache": "`read` and its kin, `mmap`, `mincore` (the kernel tells it of own files alone); not"
    " `preadv2` RWF_NOWAIT, `cachestat`; `fadvise64` and `readahead` do nothing",
    "the host's disks": "none: `sync`, `syncfs`, `fsync`, `fdatasync`, `sync_file_range`, `msync` MS_SYNC do nothing",
}
"""For each shared thing, all the calls that reach it: who shuts one door looks for the other."""
