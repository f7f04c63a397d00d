"""The seccomp program, run by a small interpreter of classic BPF over every call and the arguments that matter."""

import struct

import pytest

from ingle.spawner import seccomp

ALLOW, EPERM, ENOSYS, EAFNOSUPPORT, KILL = 0x7FFF0000, 0x00050001, 0x00050026, 0x00050061, 0x80000000
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
    allowed = set(seccomp.allowed_names()) | {"clone", "socket", "ioctl"}
    for name, number in NUMBERS.items():
        answer = run(number, 0 if name != "socket" else 2)
        if name == "socket":
            assert run(number, 1, 1) == ALLOW
        elif name == "clone3":
            assert answer == ENOSYS
        else:
            assert (answer == ALLOW) == (name in allowed), name
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


def test_raw_sockets_are_refused_whatever_their_flags() -> None:
    for kind in (3, 3 | 0o2000000, 3 | 0o4000):
        assert run(NUMBERS["socket"], 2, kind) == EPERM
    assert run(NUMBERS["socket"], 2, 1 | 0o2000000) == ALLOW


def test_terminal_injection_is_refused() -> None:
    assert run(NUMBERS["ioctl"], 0, 0x5412) == EPERM
    assert run(NUMBERS["ioctl"], 0, 0x541C) == EPERM
    assert run(NUMBERS["ioctl"], 0, 0x5401) == ALLOW


def test_other_architectures_die_and_x32_does_not_exist() -> None:
    assert run(0, architecture=0x40000003) == KILL
    assert run(0x40000000) == ENOSYS
