"""Where an init hands out netlink sockets, and where it doesn't."""

import errno
import os
import socket
from pathlib import Path

import pytest

from ingle.spawner.kernel import seccomp, syscalls
from ingle.spawner.zygotes import interfaces


@pytest.mark.parametrize(
    ("release", "loads_modules", "expected"),
    [
        ("4.18.0-553.el8", False, False),  # no descriptor goes together with its answer
        ("5.13.19", False, False),
        ("5.14.0-503.el9", True, True),
        ("6.8.0-45-generic", True, True),
        ("6.12.48+deb13-amd64", True, True),
        ("6.14.0", True, False),
        ("6.14.0", False, True),
        ("7.0.0-rc1", True, False),
    ],
)
def test_no_kernel_is_made_to_load_modules_that_did_not_before(
    release: str, loads_modules: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syscalls, "KERNEL", syscalls.version_of(release))
    monkeypatch.setattr(interfaces, "_loads_modules", lambda: loads_modules)
    assert interfaces.can_be_listed() is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"modprobe": "/sbin/modprobe", "modules_disabled": "0"}, True),
        ({"modprobe": "/sbin/modprobe", "modules_disabled": "1"}, False),
        ({"modprobe": "", "modules_disabled": "0"}, False),
        ({}, False),
        (None, True),
    ],
)
def test_whether_a_kernel_loads_modules_is_read_and_what_cannot_be_read_counts_as_yes(
    files: dict[str, str] | None, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernel"
    if files is not None:
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content + "\n")
    monkeypatch.setattr(interfaces, "_SETTINGS", str(folder))
    assert interfaces._loads_modules() is expected


def netlink_in_a_child(*, is_heard_already: bool) -> int:
    """Return with which error a process gets no netlink socket, where its container's manager listens or nobody does."""
    child = os.fork()
    if child == 0:
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
            if is_heard_already:
                syscalls.install_filter(_ALLOW_ALL, is_heard=True)
            syscalls.install_filter(interfaces.INIT_FILTER)
            interfaces.confine(theirs, seccomp.build_filter())
            ours.close()
            socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
        except OSError as error:
            os._exit(error.errno or 0)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


_ALLOW_ALL = bytes.fromhex("060000000000ff7f")


def test_where_another_listens_already_there_is_no_netlink_and_all_else_holds() -> None:
    assert netlink_in_a_child(is_heard_already=True) == errno.EAFNOSUPPORT


def test_where_no_init_is_left_to_ask_there_is_no_netlink() -> None:
    assert netlink_in_a_child(is_heard_already=False) == errno.ENOSYS
