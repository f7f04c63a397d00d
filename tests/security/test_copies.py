"""Copies of one template: hostile code that looks for another copy, for the template, or for more rights than it has."""

import json
import platform
from collections.abc import Iterator
from typing import Any

import pytest
from harness import Ingle

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")
NAME = "hostile-copies"
CODE = """
import ctypes, glob, os, subprocess
libc = ctypes.CDLL(None, use_errno=True)

def attempts():
    tried = {"unshare": lambda: libc.unshare(0x10000000), "mount": lambda: libc.mount(b"a", b"/tmp", b"tmpfs", 0, b""),
             "clone": lambda: libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0), "setns": lambda: libc.setns(0, 0)}
    outcomes = {}
    for name, act in tried.items():
        outcomes[name] = os.strerror(ctypes.get_errno()) if act() < 0 else "done"
    return outcomes

AT_INIT = attempts()
planted = bytearray(b"clean" * 10000)

def descriptors():
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue
        found[name] = [os.readlink(f"/proc/self/fd/{name}"), status.st_dev, status.st_ino]
    return found

def readable_elsewhere():
    found = []
    for folder in glob.glob("/proc/[0-9]*"):
        for name in ("mem", "maps", "environ", "fd", "root", "map_files"):
            try:
                os.listdir(f"{folder}/{name}") if name in ("fd", "root", "map_files") else open(f"{folder}/{name}", "rb").read(1)
            except OSError:
                continue
            found.append(f"{folder}/{name}")
    return [one for one in found if not one.startswith((f"/proc/{os.getpid()}/", "/proc/self"))]

def shared_writable():
    with open("/proc/self/maps") as file:
        return [line for line in file if line.split()[1].startswith("rw") and line.split()[1].endswith("s")]

def write_through():
    # The pages that all copies map: neither by their file nor by what it is reached with.
    reached = []
    with open("/proc/self/maps") as file:
        for extent in (line.split()[0] for line in file if "ingle-template" in line):
            try:
                reached.append(os.open(f"/proc/self/map_files/{extent}", os.O_RDWR))
            except OSError:
                pass
    return reached

def handler(event, context):
    told = {
        "planted": planted[:5].decode(), "tmp": os.listdir("/tmp"), "descriptors": descriptors(), "at_init": AT_INIT,
        "now": attempts(), "elsewhere": readable_elsewhere(), "shared": shared_writable(), "through": write_through(),
        "processes": [name for name in os.listdir("/proc") if name.isdigit()], "namespaces": {
            name: os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "mnt", "net", "user", "ipc", "uts", "cgroup")},
    }
    planted[:] = b"dirty" * 10000
    open("/tmp/left", "w").close()
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    os.environ["LEFT"] = "behind"
    return told
"""


@pytest.fixture(scope="module")
def told(ingle: Ingle) -> Iterator[list[dict[str, Any]]]:
    """What three invocations in copies of one template tell, one after the other."""
    client = ingle.client()
    ingle.deploy(NAME, {"app.py": CODE}, Tags={"ingle:isolation": "invocation"})
    yield [json.loads(client.invoke(FunctionName=NAME)["Payload"].read()) for _ in range(3)]
    client.delete_function(FunctionName=NAME)


def test_neither_a_template_nor_a_copy_can_make_a_namespace(told: list[dict[str, Any]]) -> None:
    for copy in told:
        for outcomes in (copy["at_init"], copy["now"]):
            assert "done" not in outcomes.values()
            assert outcomes["unshare"] == outcomes["clone"] == outcomes["mount"] == "Operation not permitted"


def test_a_copy_finds_nothing_that_another_has_left(told: list[dict[str, Any]]) -> None:
    for copy in told:
        assert (copy["planted"], copy["tmp"]) == ("clean", [])
        assert len(copy["processes"]) <= 2
        assert copy["elsewhere"] == []


def test_copies_share_no_descriptor_namespace_or_writable_page(told: list[dict[str, Any]]) -> None:
    for copy in told:
        assert (copy["shared"], copy["through"]) == ([], [])
        assert not any("ingle-template" in name for name, _, _ in copy["descriptors"].values())
    kinds = ("socket:", "pipe:")
    seen = [{tuple(one) for one in copy["descriptors"].values() if one[0].startswith(kinds)} for copy in told]
    spaces = [set(copy["namespaces"].values()) for copy in told]
    for number, copy in enumerate(told):
        for other in range(number):
            assert not seen[number] & seen[other], copy["descriptors"]
            assert not {one for one in spaces[number] & spaces[other] if not one.startswith("user:")}
