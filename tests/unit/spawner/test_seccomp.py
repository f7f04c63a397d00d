"""The seccomp program, run by a small interpreter of classic BPF over every call and the arguments that matter."""

import errno
import struct

import pytest

from ingle.spawner.kernel import seccomp

ALLOW, ERROR, KILL = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT = ERROR | errno.EPERM, ERROR | errno.ENOSYS, ERROR | errno.EAFNOSUPPORT
X86_64 = 0xC000003E
NOTIFY = 0x7FC00000
Program = list[tuple[int, int, int, int]]


def instructions(program: bytes) -> Program:
    return [struct.unpack("<HBBI", program[at : at + 8]) for at in range(0, len(program), 8)]


PROGRAM = instructions(seccomp.build_filter())
INIT, INNER = instructions(seccomp.build_filter(makes_netlink=True)), instructions(seccomp.build_inner_filter())
NUMBERS = seccomp.numbers()


def run_both(number: int, *arguments: int, architecture: int = X86_64) -> int:
    """Return what an init's filter and the one of its processes answer together: the stricter (seccomp(2))."""
    answers = [run(number, *arguments, architecture=architecture, program=one) for one in (INIT, INNER)]
    return min(answers, key=lambda answer: answer - (1 << 32) if answer & KILL else answer)


def run(number: int, *arguments: int, architecture: int = X86_64, program: Program = PROGRAM) -> int:
    """Return what a filter answers to a call (struct seccomp_data: number, architecture, pointer, six arguments)."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(*arguments, *[0] * (6 - len(arguments))))
    accumulator, at = 0, 0
    while True:
        code, when_true, when_false, value = program[at]
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


def test_the_filters_of_an_init_and_its_processes_allow_together_what_the_one_allows_but_for_netlink() -> None:
    values = [*range(48), 255, 270, 284, 0x5401, 0x5412, 0x8912, 0x8914, 0xC0502100, 0xC0182101, 0x40182103, 0x3D0F00]
    for number in [*range(512), 0x40000000]:
        looks = number in {NUMBERS[name] for name in (*seccomp.looked_at(), "seccomp")}
        calls = [(one, *rest) for one in values for rest in ((1, 6), (2, 17), (3, 0), (5, 5))] if looks else [(0, 0, 0)]
        calls += [(0, one, option) for one in values for option in range(80)] if looks else []
        for call in calls:
            if (number, call[0]) == (NUMBERS["socket"], 16):
                continue
            if number == NUMBERS["setsockopt"] and call[1] == 1 and call[2] in (7, 8):
                assert run_both(number, *call) == ERROR  # SO_SNDBUF, SO_RCVBUF: success, and nothing happens
                continue
            assert run_both(number, *call) == run(number, *call), (number, call)
    assert run_both(0, architecture=0x40000003) == KILL


def test_an_init_is_asked_for_netlink_sockets_of_routes_alone() -> None:
    for kind in (2, 3, 3 | 0o2000000, 2 | 0o4000):
        assert run_both(NUMBERS["socket"], 16, kind, 0) == NOTIFY
        for protocol in range(1, 32):
            assert run_both(NUMBERS["socket"], 16, kind, protocol) == ERROR | errno.EPROTONOSUPPORT
    for kind in (0, 1, 4, 5, 10):
        assert run_both(NUMBERS["socket"], 16, kind, 0) == ERROR | errno.ESOCKTNOSUPPORT


def test_an_init_may_confine_make_and_hand_over_and_its_processes_may_not() -> None:
    for call in (
        (NUMBERS["seccomp"], 1, 8),
        (NUMBERS["setsockopt"], 0, 1, 26),
        *((NUMBERS["ioctl"], 0, request) for request in (0xC0502100, 0xC0182101, 0x40182103)),
    ):
        assert run(*call, program=INIT) == ALLOW
        assert run_both(*call) == run(*call) != ALLOW
    assert run(NUMBERS["socket"], 16, 3, program=INIT) == ALLOW
