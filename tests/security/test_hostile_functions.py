"""What a hostile function tries, and that it fails: each attack is customer code in a real environment."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PREAMBLE = """
import ctypes, errno, os, socket, subprocess, sys, threading, time, urllib.request
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    return "done" if libc.syscall(number, *arguments) >= 0 else errno.errorcode[ctypes.get_errno()]
def refused(act):
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    return "done"
"""

# Each entry: the body of `attack()`, and what it must return.
REFUSED: dict[str, tuple[str, Any]] = {
    "mount": ("return call(165, b'none', b'/tmp', b'tmpfs', 0, 0)", "EPERM"),
    "new_mount_api": ("return call(428, -100, b'/', 1)", "EPERM"),
    "unshare_user": ("return call(272, 0x10000000)", "EPERM"),
    "clone_user": ("return call(56, 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
    "setns": ("return call(308, os.open('/proc/self/ns/net', os.O_RDONLY), 0)", "EPERM"),
    "chroot": ("return refused(lambda: os.chroot('/tmp'))", "EPERM"),
    "ptrace_init": ("return call(101, 16, 1, 0, 0)", "EPERM"),
    "process_vm_readv": ("return call(310, 1, 0, 0, 0, 0, 0)", "EPERM"),
    "bpf": ("return call(321, 0, 0, 0)", "EPERM"),
    "perf": ("return call(298, 0, 0, -1, -1, 0)", "EPERM"),
    "io_uring": ("return call(425, 8, ctypes.create_string_buffer(120))", "EPERM"),
    "userfaultfd": ("return call(323, 0)", "EPERM"),
    "keyring": ("return call(250, 0, -3, 1)", "EPERM"),
    "kernel_log": ("return call(103, 3, ctypes.create_string_buffer(64), 64)", "EPERM"),
    "set_clock": ("return refused(lambda: time.clock_settime(time.CLOCK_REALTIME, 0))", "EPERM"),
    "raw_socket": ("return refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))", "EPERM"),
    "packet_socket": ("return refused(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))", "EAFNOSUPPORT"),
    "netlink": ("return refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))", "EAFNOSUPPORT"),
    "vsock": ("return refused(lambda: socket.socket(40, socket.SOCK_STREAM))", "EAFNOSUPPORT"),
    "become_root": ("return refused(lambda: os.setuid(0))", "EPERM"),
    "internet": ("return refused(lambda: socket.create_connection(('1.1.1.1', 53), 1))", "ENETUNREACH"),
    "host_loopback": ("return refused(lambda: socket.create_connection(('127.0.0.1', PORT), 1))", "ECONNREFUSED"),
    "proc_sys": ("return refused(lambda: open('/proc/sys/kernel/core_pattern', 'w'))", "EROFS"),
    "sysrq": (  # where the kernel has it, /dev/null covers it
        "return refused(lambda: open('/proc/sysrq-trigger', 'w').write('b')) in ('done', 'ENOENT')",
        True,
    ),
    "write_code": ("return refused(lambda: open('/var/task/app.py', 'w'))", "EROFS"),
    "write_runtime": ("return refused(lambda: open('/var/runtime/x', 'w'))", "EROFS"),
    "device": ("return refused(lambda: os.mknod('/tmp/sda', 0o60666, os.makedev(8, 0)))", "EPERM"),
    "kill_init": ("return refused(lambda: os.kill(1, 9)) and len(os.listdir('/proc')) > 0", True),
}


def source(body: str, port: int) -> str:
    code = body.replace("PORT", str(port))
    return f"{PREAMBLE}\ndef handler(event, context):\n    {code}\n"


@pytest.mark.parametrize("attack", REFUSED)
def test_an_attack_on_the_kernel_or_the_host_is_refused(attack: str, ingle: Any, deploy: Any, invoke: Any) -> None:
    body, expected = REFUSED[attack]
    answer = invoke(deploy(source(body, ingle.port), Timeout=5))
    assert answer.error is None, answer.payload
    assert answer.payload == expected


def test_nothing_of_the_host_is_in_sight(ingle: Any, deploy: Any, invoke: Any) -> None:
    body = (
        "return {'root': os.listdir('/'), 'dev': sorted(os.listdir('/dev')), 'home': os.listdir('/home'),"
        " 'sys': os.path.exists('/sys/kernel'), 'cgroup': open('/proc/self/cgroup').read(),"
        f" 'data': os.path.exists('{ingle.data_dir}'), 'hostname': socket.gethostname(),"
        " 'passwd': open('/etc/passwd').read().count(chr(10)), 'shadow': os.path.exists('/etc/shadow'),"
        " 'mounts': open('/proc/self/mountinfo').read(), 'environ': dict(os.environ)}"
    )
    seen = invoke(deploy(source(body, 0))).payload
    assert set(seen["dev"]) == {"fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"}
    assert (seen["sys"], seen["data"], seen["shadow"]) == (False, False, False)
    assert seen["hostname"] == "169-254-100-1"
    assert seen["passwd"] == 2
    assert all(line.endswith(":/") for line in seen["cgroup"].split())
    assert str(ingle.data_dir) not in json.dumps(seen)
    assert not [name for name in seen["environ"] if name.startswith(("INGLE", "SSH", "VIRTUAL"))]


def test_two_environments_share_no_file_process_socket_or_randomness(deploy: Any, invoke: Any) -> None:
    body = """
    import random, tempfile, uuid
    abstract = socket.socket(socket.AF_UNIX)
    taken = refused(lambda: abstract.bind(b"\\0meeting"))
    open("/tmp/left", "a").close()
    return [taken, len(os.listdir("/tmp")), sum(name.isdigit() for name in os.listdir("/proc")), os.getpid(),
            random.random(), str(uuid.uuid4()), tempfile.mktemp(), os.urandom(8).hex()]
    """.strip()
    one, two = (invoke(deploy(source(body, 0))).payload for _ in range(2))
    for seen in (one, two):
        assert seen[:4] == ["done", 1, 2, 2]
    assert all(first != second for first, second in zip(one[4:], two[4:], strict=True))


EXHAUSTION: dict[str, tuple[str, dict[str, Any]]] = {
    "fork_bomb": ("""
    count = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(60)
                os._exit(0)
            count += 1
    except OSError:
        return count < 1024
    """, {"MemorySize": 1024, "Timeout": 20}),
    "descriptors": ("""
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return len(held) <= 1024
    """, {}),
    "tmp": ("""
    written = 0
    try:
        with open("/tmp/full", "wb") as file:
            while True:
                written += file.write(bytes(1 << 20))
                file.flush()
    except OSError:
        return written <= 512 << 20
    """, {"MemorySize": 1024, "Timeout": 20}),
    "log_pipe": ("""
    for _ in range(3000):
        sys.stdout.write("z" * 10000 + chr(10))
    return True
    """, {"Timeout": 20}),
}  # fmt: skip


@pytest.mark.parametrize("attack", EXHAUSTION)
def test_exhaustion_is_contained(attack: str, deploy: Any, invoke: Any) -> None:
    body, settings = EXHAUSTION[attack]
    neighbour = deploy("def handler(e, c):\n    return 'well'\n")
    assert invoke(deploy(source(body.strip(), 0), **settings)).payload is True
    assert invoke(neighbour).payload == "well"


def test_a_daemon_does_not_outlive_its_environment(deploy: Any, invoke: Any) -> None:
    mark = f"left-behind-{os.getpid()}"
    body = f"""
    if event == "leave":
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP; sleep 300 # {mark}"], start_new_session=True)
        os._exit(1)
    return "here"
    """.strip()
    name = deploy(source(body, 0))
    assert invoke(name, "leave").error == "Unhandled"
    end = time.monotonic() + 5
    while any(mark in line for line in command_lines()):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert invoke(name).payload == "here"


def command_lines() -> list[str]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return lines


def test_runtime_api_calls_of_another_request_or_out_of_turn_are_refused(deploy: Any, invoke: Any) -> None:
    body = """
    def ask(method, path, body=None):
        link = urllib.request.Request("http://127.0.0.1:9001" + path, data=body, method=method)
        try:
            return urllib.request.urlopen(link).status
        except urllib.error.HTTPError as error:
            return error.code
    base = "/2018-06-01/runtime/"
    return [
        ask("POST", base + "invocation/00000000-0000-4000-8000-000000000000/response", b"{}"),
        ask("GET", base + "invocation/next"),
        ask("POST", base + "init/error", b"{}"),
        ask("POST", base + "restore/error", b"{}"),
        ask("DELETE", base + "invocation/next"),
        ask("GET", "/2015-03-31/functions/"),
        ask("GET", "/health"),
    ]
    """.strip()
    assert invoke(deploy(source(body, 0))).payload == [400, 403, 403, 403, 404, 404, 404]


def test_an_environment_that_feeds_its_own_answers_hurts_itself_alone(deploy: Any, invoke: Any) -> None:
    body = """
    link = socket.create_connection(("127.0.0.1", 9001))
    link.sendall(b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 999999999999\\r\\n\\r\\n")
    link2 = socket.create_connection(("127.0.0.1", 9001))
    link2.sendall(b"GET / HTTP/1.1\\r\\nX: " + b"y" * 200000)
    return "survived"
    """.strip()
    name = deploy(source(body, 0))
    assert [invoke(name).payload for _ in range(3)] == ["survived"] * 3


@pytest.fixture
def programs(ingle: Any) -> Callable[[], dict[str, int]]:
    return lambda: dict(json.loads((ingle.data_dir / "run" / "programs.json").read_text()))


@pytest.mark.parametrize("program", ["control", "gateway", "worker"])
def test_a_program_of_ours_has_no_capability_and_can_gain_none(program: str, programs: Any) -> None:
    text = Path(f"/proc/{programs()[program]}/status").read_text()
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[held], 16) == 0 or os.geteuid() != 0, held
    assert status["NoNewPrivs"] == "1"
