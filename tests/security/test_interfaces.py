"""Netlink: a program lists the interfaces of its own network, and neither changes, learns nor holds anything else by it."""

import json
import platform
from collections.abc import Callable
from typing import Any

import pytest
from harness import Ingle

from ingle.app.commands.doctor import host_runtimes
from ingle.spawner.zygotes import interfaces

NODES = [entry.name for entry in host_runtimes() if entry.name.startswith("nodejs")]
pytestmark = pytest.mark.skipif(not interfaces.can_be_listed(), reason="this kernel would load modules for who asks")
PYTHON = """
import ctypes, errno, os, select, signal, socket, struct, subprocess, sys, threading, time

def refused(act):
    try:
        return act()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))

def ask(kind, flags, body):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as one:
        one.settimeout(0.3)
        try:
            one.send(struct.pack("<IHHII", 16 + len(body), kind, flags, 1, 0) + body)
            answer = one.recv(65536)
        except OSError as error:
            return type(error).__name__
        what, error = struct.unpack_from("<4xH10xi", answer)
        return errno.errorcode.get(-error, error) if what == 2 else what

def living():
    return next(int(line.split()[2]) for line in open("/proc/net/protocols") if line.startswith("NETLINK "))

def handler(event, context):
    return globals()[event]()
"""
LISTS = """
class Address(ctypes.Structure):
    pass
Address._fields_ = [("next", ctypes.POINTER(Address)), ("name", ctypes.c_char_p)]

def by_libc():
    libc, first, names = ctypes.CDLL(None), ctypes.POINTER(Address)(), set()
    assert libc.getifaddrs(ctypes.byref(first)) == 0
    while first:
        names.add(first.contents.name.decode())
        first = first.contents.next
    return sorted(names)

AT_INIT = socket.if_nameindex()
PROGRAM = "import socket; print(socket.if_nameindex())"

def lists():
    executed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    one = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    libc = ctypes.CDLL(None)
    inherited = libc.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    flags = [os.get_blocking(one.fileno()), os.get_inheritable(one.fileno()), os.get_inheritable(inherited)]
    os.close(inherited)
    return {"init": AT_INIT, "now": socket.if_nameindex(), "libc": by_libc(), "executed": eval(executed.stdout),
            "flags": flags}
"""
LO = [[1, "lo"]]
KINDS = """
def kinds():
    protocols = [refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, one)) for one in range(1, 23)]
    stream = refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_STREAM))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as one:
        options = [refused(lambda: one.setsockopt(*option)) for option in (
            (270, 1, 1), (270, 5, 1), (270, 12, 1), (1, 26, bytes(16)), (1, 27, 0), (1, 33, 1 << 20), (1, 32, 1 << 20))]
        for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            one.setsockopt(socket.SOL_SOCKET, buffer, 1 << 24)
        buffers = [one.getsockopt(socket.SOL_SOCKET, buffer) for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
        large = refused(lambda: one.send(bytes(8192)))
        another = refused(lambda: one.sendto(bytes(16), (os.getpid(), 0)))
        group = refused(lambda: one.sendto(bytes(16), (0, 1)))
    return {"protocols": sorted(set(protocols)), "stream": stream, "options": options, "buffers": buffers,
            "sends": [large, another, group]}

def changes():
    link, address = struct.pack("<BxHiII", 0, 0, 1, 0, 1), struct.pack("<BBBBI", 2, 8, 0, 0, 1)
    route = struct.pack("<8BI", 2, 32, 0, 0, 254, 3, 0, 1, 0)
    new = {16: link, 17: link, 19: link, 20: address, 21: address, 24: route, 25: route, 28: bytes(12), 32: bytes(12),
           36: bytes(20), 37: bytes(20), 40: bytes(20), 44: bytes(20), 48: bytes(4), 72: bytes(12), 88: bytes(4)}
    return {kind: ask(kind, 0x605, body) for kind, body in new.items()}

def tells():
    return {kind: ask(kind, 0x301, bytes(20)) for kind in (18, 22, 26, 66)}
"""


@pytest.fixture(scope="module", params=["sandbox", "sandbox-rootless"])
def call(request: pytest.FixtureRequest) -> Callable[[str], Any]:
    """Call a function of the hostile source by its name, under each driver that isolates."""
    target: Ingle = request.getfixturevalue("rootless" if request.param == "sandbox-rootless" else "ingle")
    if f"isolation  {request.param} (" not in target.announcement():
        pytest.skip(f"{request.param} is not to be had by this user")
    source = PYTHON + LISTS + KINDS + NUMBER + FLOOD
    target.deploy("interfaces", {"app.py": source}, Timeout=6, MemorySize=256)
    return lambda name: answer_of(target, "interfaces", name)


def answer_of(target: Ingle, name: str, event: Any = None) -> Any:
    answer = target.client().invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read())


def test_programs_list_the_interfaces_of_their_own_network(call: Any) -> None:
    told = call("lists")
    assert (told["init"], told["now"], told["executed"]) == (LO, LO, LO)
    assert told["libc"] == ["lo", "lo:1"]
    assert told["flags"] == [False, False, True]


@pytest.mark.skipif(not NODES, reason="this host has no node")
def test_node_and_what_it_starts_list_the_interfaces(ingle: Ingle) -> None:
    body = (
        "const os = require('os'), start = require('child_process').execFileSync\n"
        "exports.handler = async () => [os.networkInterfaces(), JSON.parse(start(process.execPath,"
        " ['-p', 'JSON.stringify(os.networkInterfaces())']))]\n"
    )
    ingle.deploy("interfaces-node", {"app.js": body}, runtime=NODES[0], Timeout=10)
    here, below = answer_of(ingle, "interfaces-node")
    assert here == below
    assert here["lo"][0]["address"] == "127.0.0.1"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")
def test_copies_list_the_interfaces(ingle: Ingle) -> None:
    source = PYTHON + LISTS
    ingle.deploy("interfaces-isolated", {"app.py": source}, Tags={"ingle:isolation": "invocation"}, Timeout=10)
    ingle.deploy("interfaces-copied", {"app.py": source}, SnapStart={"ApplyOn": "PublishedVersions"}, Timeout=10)
    client = ingle.client()
    version = client.publish_version(FunctionName="interfaces-copied")["Version"]
    client.get_waiter("published_version_active").wait(FunctionName="interfaces-copied", Qualifier=version)
    for name in ("interfaces-isolated", "interfaces-isolated", f"interfaces-copied:{version}"):
        told = answer_of(ingle, name, "lists")
        assert (told["init"], told["now"], told["executed"]) == (LO, LO, LO)


def test_a_netlink_socket_is_of_routes_alone_and_stays_small(call: Any) -> None:
    told = call("kinds")
    assert (told["protocols"], told["stream"]) == (["EPROTONOSUPPORT"], "ESOCKTNOSUPPORT")
    assert told["options"] == ["ENOPROTOOPT"] * 4 + ["EPERM"] * 3
    assert told["buffers"] == [4608, 65536]
    assert told["sends"] == ["EMSGSIZE", "EPERM", "EPERM"]


def test_nothing_is_changed_by_netlink(call: Any) -> None:
    assert set(call("changes").values()) == {"EPERM"}


def test_netlink_tells_of_the_environments_own_network_alone(call: Any) -> None:
    # links, addresses, routes; not the tables of neighbours, whose counts are the whole host's
    assert call("tells") == {"18": 16, "22": 20, "26": 24, "66": "TimeoutError"}


NUMBER = """
def fill(one):
    one.setblocking(False)
    for _ in range(400):
        for kind in (18, 22):
            refused(lambda: one.send(struct.pack("<IHHIIi", 20, kind, 0x301, 1, 0, 0)))
            refused(lambda: one.send(struct.pack("<IHHIIi", 20, 99, 5, 1, 0, 0)))  # an error to queue

def number():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    theirs.setblocking(False)
    for _ in range(60):
        if os.fork() == 0:
            held = []
            while True:
                one = refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
                if isinstance(one, str):
                    time.sleep(0.05)
                    continue
                fill(one)
                if len(held) < 2:
                    refused(lambda: socket.send_fds(theirs, [b"x"], [one.fileno()]))  # in flight alone from here
                else:
                    held.append(one)
    most = 0
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        most = max(most, living())
        time.sleep(0.01)
    return [most, refused(socket.if_nameindex)]
"""


def kernel_mib() -> float:
    """Return what the kernel holds for itself of the machine: slabs and what is mapped for it alone."""
    with open("/proc/meminfo") as file:
        lines = dict(line.split(":") for line in file)
    return sum(int(lines[name].split()[0]) for name in ("SUnreclaim", "VmallocUsed")) / 1024


def test_netlink_sockets_are_few_whatever_hides_and_fills_them(call: Any, request: pytest.FixtureRequest) -> None:
    before = kernel_mib()
    assert call("number") == [interfaces.MOST, "ENFILE"]
    assert kernel_mib() - before < 64


FLOOD = """
asked = [0]

def flood():
    def ask_on():
        while True:
            refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close())
            asked[0] += 1
    if not asked[0]:
        for _ in range(8):
            threading.Thread(target=ask_on, daemon=True).start()
        for _ in range(4):
            if os.fork() == 0:
                while True:
                    pass
        if os.fork() == 0:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            ask_on()
    time.sleep(0.2)
    return asked[0]

def hang():
    flood()
    while True:
        refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close())
"""


def test_a_flood_of_requests_holds_up_neither_freeze_timeout_nor_end(call: Any) -> None:
    counts = [call("flood") for _ in range(3)]  # it is frozen between, while threads wait for their answers
    assert counts == sorted(set(counts))
    assert call("hang")["errorType"] == "Sandbox.Timedout"
    assert call("lists")["now"] == LO
