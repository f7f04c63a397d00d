"""The seccomp program, run by a small interpreter of classic BPF over every call and the arguments that matter."""

import errno
import struct

import pytest

from ingle.spawner import seccomp

ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT = ERROR | errno.EPERM, ERROR | errno.ENOSYS, ERROR | errno.EAFNOSUPPORT
X86_64 = 0xC000003E
PROGRAM = [
    struct.unpack("<HBBI", seccomp.build_filter()[at : at + 8]) for at in range(0, len(seccomp.build_filter()), 8)
]
NUMBERS = seccomp.numbers()


def run(number: int, *arguments: int, architecture: int = X86_64) -> int:
    """Return what the filter answers to a call (struct seccomp_data: number, architecture, pointer, six arguments)."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    accumulator, at = 0, 0
    while True:
        code, when_true, when_false, value = PROGRAM[at]
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif code == 0x06:
            return int(value)
        elif code == 0x54:
            accumulator &= value
        else:
            holds = {
                0x15: accumulator == value, 0x25: accumulator > value,
                0x35: accumulator >= value, 0x45: bool(accumulator & value),
            }[code]  # fmt: skip
            at += when_true if holds else when_false


def test_exactly_the_listed_calls_are_allowed() -> None:
    for name, number in NUMBERS.items():
        if name not in seccomp.looked_at():
            assert (run(number) == ALLOW) == (name in seccomp.allowed_names()), name
    assert run(NUMBERS["clone3"]) == ENOSYS
    assert run(max(NUMBERS.values()) + 100) == EPERM


@pytest.mark.parametrize(
    "name",
    [
        "mount", "umount2", "pivot_root", "chroot", "unshare", "setns", "ptrace", "process_vm_readv", "bpf",
        "perf_event_open", "io_uring_setup", "userfaultfd", "keyctl", "add_key", "init_module", "kexec_load",
        "reboot", "swapon", "open_by_handle_at", "settimeofday", "clock_settime", "acct", "quotactl", "iopl",
    ],
)  # fmt: skip
def test_what_reaches_beyond_the_environment_is_refused(name: str) -> None:
    assert run(NUMBERS.get(name, 425)) == EPERM  # 425: io_uring_setup, which the table does not even name


@pytest.mark.parametrize("flag", [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80])
def test_clone_makes_processes_and_threads_but_no_namespaces(flag: int) -> None:
    assert run(NUMBERS["clone"], 0x3D0F00) == ALLOW
    assert run(NUMBERS["clone"], 17) == ALLOW
    assert run(NUMBERS["clone"], flag | 17) == EPERM


@pytest.mark.parametrize("family", [0, 3, 16, 17, 29, 31, 38, 40, 44])
def test_only_local_and_internet_sockets_can_be_made(family: int) -> None:
    assert run(NUMBERS["socket"], family, 1) == EAFNOSUPPORT


@pytest.mark.parametrize("family", [0, 2, 10, 16, 17, 30, 40])
def test_a_pair_of_sockets_is_a_local_one(family: int) -> None:
    assert run(NUMBERS["socketpair"], family, 1) == EAFNOSUPPORT
    assert run(NUMBERS["socketpair"], 1, 5) == ALLOW


def test_raw_sockets_are_refused_whatever_their_flags() -> None:
    for kind in (3, 5, 10, 3 | 0o2000000, 3 | 0o4000):
        assert run(NUMBERS["socket"], 2, kind) == EPERM
    assert run(NUMBERS["socket"], 2, 1 | 0o2000000) == ALLOW
    assert run(NUMBERS["socket"], 1, 5) == ALLOW  # a Unix socket of messages


@pytest.mark.parametrize("protocol", [1, 33, 115, 132, 136, 262])
def test_the_internet_is_tcp_and_udp_alone(protocol: int) -> None:
    for family in (2, 10):
        assert run(NUMBERS["socket"], family, 2, protocol) == ERROR | errno.EPROTONOSUPPORT
        assert [run(NUMBERS["socket"], family, kind, known) for kind, known in ((1, 6), (2, 17), (2, 0))] == [ALLOW] * 3


@pytest.mark.parametrize("request_number", [0x5412, 0x541C, 0xB702, 0x5423, 0x8914, 0x8B01, 0x80086601, 0x4C00])
def test_what_a_program_does_not_need_of_ioctl_is_refused(request_number: int) -> None:
    assert run(NUMBERS["ioctl"], 0, request_number) == ERROR | errno.ENOTTY
    assert run(NUMBERS["ioctl"], 0, 0x5401) == ALLOW


@pytest.mark.parametrize("option", [22, 35, 59, 62, 67])
def test_what_a_program_does_not_need_of_prctl_is_refused(option: int) -> None:
    assert run(NUMBERS["prctl"], option) == ERROR | errno.EINVAL
    assert run(NUMBERS["prctl"], 15) == ALLOW


@pytest.mark.parametrize(
    ("level", "option"),
    [(1, 26), (1, 50), (1, 37), (0, 64), (41, 64), (6, 31), (17, 100), (255, 1), (270, 1), (284, 1)],
)
def test_what_reaches_into_the_kernel_by_setsockopt_is_refused(level: int, option: int) -> None:
    assert run(NUMBERS["setsockopt"], 0, level, option) == ERROR | errno.ENOPROTOOPT


def test_common_options_of_sockets_are_allowed() -> None:
    for level, option in (
        (1, 2),
        (1, 7),
        (1, 8),
        (1, 9),
        (1, 15),
        (1, 20),
        (6, 1),
        (6, 4),
        (41, 26),
        (0, 1),
        (17, 103),
    ):
        assert run(NUMBERS["setsockopt"], 0, level, option) == ALLOW
    assert run(NUMBERS["setsockopt"], 0, 0, 11) == ERROR  # IP_RECVERR: success, and nothing happens
    assert run(NUMBERS["setsockopt"], 0, 41, 25) == ERROR


def test_huge_pages_are_not_to_be_had_and_others_are() -> None:
    assert run(NUMBERS["mmap"], 0, 4096, 3, 0x40022) == ERROR | errno.ENOMEM
    assert run(NUMBERS["mmap"], 0, 4096, 3, 0x22) == ALLOW
    assert run(NUMBERS["memfd_create"], 0, 4) == ERROR | errno.EINVAL
    assert run(NUMBERS["memfd_create"], 0, 3) == ALLOW


@pytest.mark.parametrize("name", ["sync", "syncfs", "fsync", "fdatasync", "sync_file_range", "fadvise64", "readahead"])
def test_what_would_cost_the_host_alone_does_nothing(name: str) -> None:
    assert run(NUMBERS[name]) == ERROR
    assert run(NUMBERS["msync"], 0, 0, 4) == ERROR
    assert run(NUMBERS["msync"], 0, 0, 1) == ALLOW


def test_other_architectures_die_and_x32_does_not_exist() -> None:
    assert run(0, architecture=0x40000003) == KILL
    assert run(0x40000000) == ENOSYS
