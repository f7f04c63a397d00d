"""What a hostile function tries, and that it fails: each attack is customer code in a real environment."""

import ctypes
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import belongings
import pytest
from harness import TIME_SCALE, Ingle

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
INHERITED = [
    n for n in range(64)
    if refused(lambda: os.fstat(n)) == "done" and not os.readlink("/proc/self/fd/%d" % n).startswith("socket:[")
]
"""

SHM_KEY = 0x14610000 + os.getpid() % 0x10000
ABSTRACT = f"ingle-host-abstract-{os.getpid()}"
"""What the host offers to whoever is in its ipc and network namespaces, while the attacks run."""

# Each entry: the body of `attack()`, and what it must return.
REFUSED: dict[str, tuple[str, Any]] = {
    "mount": ("return call(165, b'none', b'/tmp', b'tmpfs', 0, 0)", "EPERM"),
    "new_mount_api": ("return call(428, -100, b'/', 1)", "EPERM"),
    "unshare_user": ("return call(272, 0x10000000)", "EPERM"),
    "clone_user": ("return call(56, 0x10000000 | 17, 0, 0, 0, 0)", "EPERM"),
    "setns": ("return call(308, os.open('/proc/self/ns/net', os.O_RDONLY), 0)", "EPERM"),
    "setns_of_a_process": ("return call(308, os.open('/proc/1', os.O_RDONLY), 0x20000000)", "EPERM"),
    "unshare_everything": (
        "return [call(272, flag) for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000, 0x80)]",
        ["EPERM"] * 7,
    ),
    "clone3": ("return call(435, ctypes.create_string_buffer(88), 88)", "ENOSYS"),
    "umount": ("return call(166, b'/proc', 2)", "EPERM"),
    "pivot_root": ("return call(155, b'/tmp', b'/tmp')", "EPERM"),
    "move_mount": ("return call(429, -100, b'/proc', -100, b'/tmp', 0)", "EPERM"),
    "open_file_system": ("return call(430, b'tmpfs', 0)", "EPERM"),
    "mount_cgroup": ("return call(165, b'none', b'/tmp', b'cgroup', 0, b'memory')", "EPERM"),
    "by_file_handle": ("return call(304, -100, ctypes.create_string_buffer(16), 0)", "EPERM"),
    "chroot": ("return refused(lambda: os.chroot('/tmp'))", "EPERM"),
    "ptrace_init": ("return call(101, 16, 1, 0, 0)", "EPERM"),
    "process_vm_readv": ("return call(310, 1, 0, 0, 0, 0, 0)", "EPERM"),
    "process_vm_writev": ("return call(311, 1, 0, 0, 0, 0, 0)", "EPERM"),
    "memory_of_init": ("return refused(lambda: open('/proc/1/mem', 'r+b'))", "EACCES"),
    "variables_of_init": ("return refused(lambda: open('/proc/1/environ', 'rb').read(1))", "EACCES"),
    "files_of_init": ("return refused(lambda: os.listdir('/proc/1/fd'))", "EACCES"),
    "root_of_init": ("return refused(lambda: os.listdir('/proc/1/root'))", "EACCES"),
    "descriptor_of_init": ("return refused(lambda: os.pidfd_open(1))", "EPERM"),
    "process_of_the_host": ("return refused(lambda: os.kill(HOST_PID, 0))", "ESRCH"),
    "everybody": ("return refused(lambda: os.kill(-1, 9))", "ESRCH"),
    "shared_memory_of_the_host": ("return call(29, SHM_KEY, 1, 0)", "EPERM"),
    "posix_shared_memory": ("return refused(lambda: open('/dev/shm/x', 'w'))", "ENOENT"),
    "abstract_socket_of_the_host": (
        "return refused(lambda: socket.socket(socket.AF_UNIX).connect(b'\\0ABSTRACT'))",
        "ECONNREFUSED",
    ),
    "inherited_descriptors": ("return INHERITED", [0, 1, 2, 4]),
    "bpf": ("return call(321, 0, 0, 0)", "EPERM"),
    "perf": ("return call(298, 0, 0, -1, -1, 0)", "EPERM"),
    "io_uring": ("return call(425, 8, ctypes.create_string_buffer(120))", "EPERM"),
    "userfaultfd": ("return call(323, 0)", "EPERM"),
    "keyring": ("return call(250, 0, -3, 1)", "EPERM"),
    "add_key": ("return call(248, b'user', b'x', b'y', 1, -3)", "EPERM"),
    "request_key": ("return call(249, b'user', b'x', 0, -3)", "EPERM"),
    "kernel_log": ("return call(103, 3, ctypes.create_string_buffer(64), 64)", "EPERM"),
    "set_clock": ("return refused(lambda: time.clock_settime(time.CLOCK_REALTIME, 0))", "EPERM"),
    "raw_socket": ("return refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))", "EPERM"),
    "packet_socket": ("return refused(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))", "EAFNOSUPPORT"),
    "netlink": (  # that of routes is another matter: test_interfaces.py
        "return max({refused(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, one)) for one in range(1, 23)})",
        ("EPROTONOSUPPORT", "EAFNOSUPPORT"),
    ),
    "vsock": ("return refused(lambda: socket.socket(40, socket.SOCK_STREAM))", "EAFNOSUPPORT"),
    "pair_of_tipc_sockets": ("return refused(lambda: socket.socketpair(30, socket.SOCK_DGRAM))", "EAFNOSUPPORT"),
    "protocols_by_module": (
        "return [refused(lambda: socket.socket(socket.AF_INET, kind, protocol))"
        " for kind, protocol in ((1, 262), (2, 1), (1, 132), (2, 136), (2, 115))]",
        ["EPROTONOSUPPORT"] * 5,
    ),
    "terminal_injection": ("return [call(16, 0, number, b'x') for number in (0x5412, 0x541C)]", ["ENOTTY"] * 2),
    "parent_of_a_namespace": ("return call(16, os.open('/proc/self/ns/user', os.O_RDONLY), 0xb702)", "ENOTTY"),
    "filter_of_its_own": ("return call(157, 22, 2, 0)", "EINVAL"),
    "shared_core": ("return call(157, 62, 1, 0, 0, 0)", "EINVAL"),
    "program_on_a_socket": (
        "return [refused(lambda: socket.socket().setsockopt(level, option, bytes(64)))"
        " for level, option in ((1, 26), (1, 50), (6, 31), (0, 64), (270, 1))]",
        ["ENOPROTOOPT"] * 5,
    ),
    "copies_of_what_was_sent": (
        "one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); one.connect(('127.0.0.1', 9))\n"
        "    one.sendmsg([bytes(60000)], [(1, 37, (0x102).to_bytes(4, 'little'))])  # SO_TIMESTAMPING: SCHED, SOFTWARE\n"
        "    kept = refused(lambda: one.recvmsg(1, 1024, 0x2000 | 0x40))  # MSG_ERRQUEUE, MSG_DONTWAIT\n"
        "    return [kept, os.path.exists('/proc/sys/net/core/tstamp_allow_data')]",
        (["EAGAIN", True], ["done", False]),  # some kernels have the setting for the host alone
    ),
    "huge_pages": ("return call(9, 0, 1 << 21, 3, 0x40022, -1, 0)", "ENOMEM"),
    "residency_of_the_hosts_files": (
        "return refused(lambda: os.preadv(os.open('/bin/sh', os.O_RDONLY), [bytearray(1)], 0, os.RWF_NOWAIT))",
        "ENOTSUP",
    ),
    "become_root": ("return refused(lambda: os.setuid(0))", ("EPERM", "EINVAL")),
    "internet": ("return refused(lambda: socket.create_connection(('1.1.1.1', 53), 1))", "ENETUNREACH"),
    "datagrams": (
        "return refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53)))",
        "ENETUNREACH",
    ),
    "metadata": ("return refused(lambda: socket.create_connection(('169.254.169.254', 80), 1))", "ENETUNREACH"),
    "multicast": (
        "return refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('224.0.0.1', 9)))",
        "ENETUNREACH",
    ),
    "internet_6": (
        "return refused(lambda: socket.socket(socket.AF_INET6).connect(('2606:4700:4700::1111', 53))) in"
        " ('ENETUNREACH', 'EADDRNOTAVAIL', 'EAFNOSUPPORT')",
        True,
    ),
    "names": ("return refused(lambda: socket.getaddrinfo('example.com', 80)) != 'done'", True),
    "host_loopback": ("return refused(lambda: socket.create_connection(('127.0.0.1', PORT), 1))", "ECONNREFUSED"),
    "proc_sys": ("return refused(lambda: open('/proc/sys/kernel/core_pattern', 'w'))", "EROFS"),
    "sysrq": (  # where the kernel has it, /dev/null covers it
        "return refused(lambda: open('/proc/sysrq-trigger', 'w').write('b')) in ('done', 'ENOENT')",
        True,
    ),
    "modprobe": (
        "return refused(lambda: open('/proc/sys/kernel/modprobe', 'w')) in ('EROFS', 'ENOENT')",
        True,
    ),
    "sys": ("return refused(lambda: open('/sys/kernel/uevent_helper', 'w'))", "ENOENT"),
    "cgroup_limit": ("return refused(lambda: open('/sys/fs/cgroup/memory/memory.limit_in_bytes', 'w'))", "ENOENT"),
    "release_agent": ("return refused(lambda: open('/sys/fs/cgroup/memory/release_agent', 'w'))", "ENOENT"),
    "user_ids": ("return refused(lambda: os.write(os.open('/proc/self/uid_map', os.O_WRONLY), b'0 0 1'))", "EPERM"),
    "never_killed": (
        "return refused(lambda: os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000'))",
        "EACCES",
    ),
    "kernel_module": ("return call(313, 0, b'', 0)", "EPERM"),
    "reboot": ("return call(169, 0xfee1dead, 672274793, 0, 0)", "EPERM"),
    "io_ports": ("return call(172, 3)", "EPERM"),
    "write_code": ("return refused(lambda: open('/var/task/app.py', 'w'))", "EROFS"),
    "write_runtime": ("return refused(lambda: open('/var/runtime/x', 'w'))", "EROFS"),
    "device": ("return refused(lambda: os.mknod('/tmp/sda', 0o60666, os.makedev(8, 0)))", "EPERM"),
    "pci_configuration": ("return refused(lambda: open('/proc/bus/pci/00/00.0', 'r+b'))", "ENOENT"),
    "interrupts": ("return refused(lambda: open('/proc/irq/default_smp_affinity', 'r+'))", "ENOENT"),
    "memory_of_the_host": (
        "return [name for name in ('kpageflags', 'kpagecount', 'kpagecgroup', 'slabinfo', 'vmallocinfo', 'pagetypeinfo',"
        " 'kcore', 'keys', 'timer_list', 'kallsyms', 'kmsg', 'cmdline', 'partitions', 'modules', 'interrupts', 'locks',"
        " 'sched_debug', 'iomem') if os.path.exists('/proc/' + name) and open('/proc/' + name, 'rb').read(8)]",
        [],
    ),
    "rest_of_proc": (
        "known = 'cgroups cpuinfo filesystems loadavg meminfo stat uptime version self thread-self mounts net sys sysvipc'"
        ".split()\n"
        "    left = ['/proc/' + name for name in os.listdir('/proc') if name not in known and not name.isdigit()]\n"
        "    return [path for path in left if (os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(1))]",
        [],
    ),
    "write_proc": (
        "found = []\n"
        "    for folder, folders, files in os.walk('/proc'):\n"
        "        folders[:] = [one for one in folders if not one.isdigit() and one not in ('self', 'thread-self')]\n"
        "        paths = [os.path.join(folder, one) for one in files]\n"
        "        found += [one for one in paths if os.access(one, os.W_OK) and os.stat(one).st_rdev != os.makedev(1, 3)]\n"
        "    return found",
        [],
    ),
    "kill_init": ("return refused(lambda: os.kill(1, 9)) and len(os.listdir('/proc')) > 0", True),
}


LOOK_AROUND = (
    "return {'dev': sorted(os.listdir('/dev')), 'sys': os.path.exists('/sys/kernel'),"
    " 'cgroup': open('/proc/self/cgroup').read(), 'data': os.path.exists('DATA_DIR'), 'hostname': socket.gethostname(),"
    " 'passwd': open('/etc/passwd').read().count(chr(10)), 'shadow': os.path.exists('/etc/shadow'),"
    " 'names_data': 'DATA_DIR' in open('/proc/self/mountinfo').read(), 'environ': dict(os.environ)}"
)


def source(body: str, port: int) -> str:
    code = body.replace("PORT", str(port)).replace("HOST_PID", str(os.getpid()))
    code = code.replace("SHM_KEY", str(SHM_KEY)).replace("ABSTRACT", ABSTRACT)
    return f"{PREAMBLE}\ndef handler(event, context):\n    {code}\n"


@pytest.fixture(scope="module")
def offers() -> Iterator[None]:
    """A System V shared memory segment and an abstract socket of the host's, open to everybody."""
    libc = ctypes.CDLL(None)
    segment = libc.shmget(SHM_KEY, 4096, 0o1666)
    assert segment >= 0
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(b"\0" + ABSTRACT.encode())
        listener.listen()
        yield
    libc.shmctl(segment, 0, None)


Attack = Callable[[str], Any]


@pytest.fixture(scope="module", params=["sandbox", "sandbox-rootless"])
def attack(request: pytest.FixtureRequest, offers: None) -> Attack:
    """Every attack in one function, under each driver that isolates: returns what one of them came to."""
    target: Ingle = request.getfixturevalue("rootless" if request.param == "sandbox-rootless" else "ingle")
    if f"isolation  {request.param} (" not in target.announcement():
        pytest.skip(f"{request.param} is not to be had by this user")
    bodies = {"look_around": LOOK_AROUND, **{name: body for name, (body, _) in REFUSED.items()}}
    told = "".join(f"def attack_{name}(PORT):\n    {body}\n" for name, body in bodies.items())
    told = told.replace("HOST_PID", str(os.getpid())).replace("DATA_DIR", str(target.data_dir))
    told = told.replace("SHM_KEY", str(SHM_KEY)).replace("ABSTRACT", ABSTRACT)
    source = f"{PREAMBLE}\n{told}def handler(event, context):\n    return globals()['attack_' + event]({target.port})\n"
    target.deploy(f"attacks-{request.param}", {"app.py": source}, Timeout=5)
    client = target.client()

    def act(name: str) -> Any:
        answer = client.invoke(FunctionName=f"attacks-{request.param}", Payload=json.dumps(name).encode())
        payload = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, payload
        return payload

    return act


@pytest.mark.parametrize("name", REFUSED)
def test_an_attack_on_the_kernel_or_the_host_is_refused(name: str, attack: Attack) -> None:
    assert attack(name) in outcomes(REFUSED[name][1])


def outcomes(expected: Any) -> tuple[Any, ...]:
    """Return what an attack may come to: one outcome, or several in a tuple."""
    return expected if isinstance(expected, tuple) else (expected,)


def test_nothing_of_the_host_is_in_sight(attack: Attack) -> None:
    seen = attack("look_around")
    assert set(seen["dev"]) == {"fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"}
    assert (seen["sys"], seen["data"], seen["shadow"]) == (False, False, False)
    assert seen["hostname"] == "169-254-100-1"
    assert seen["passwd"] == 2
    assert all(line.endswith(":/") for line in seen["cgroup"].split())
    assert seen["names_data"] is False
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
    "threads": ("""
    count = 0
    try:
        while True:
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            count += 1
    except RuntimeError:
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
    end = time.monotonic() + 5 * TIME_SCALE
    while any(mark in line for line in command_lines()):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert invoke(name).payload == "here"


def test_nothing_outlives_its_deadline(deploy: Any, invoke: Any) -> None:
    mark = f"out-lives-{os.getpid()}"
    body = f"""
    import signal
    if event == "stay":
        for number in set(range(1, 32)) - {{signal.SIGKILL, signal.SIGSTOP}}:
            signal.signal(number, signal.SIG_IGN)
        subprocess.Popen(["/bin/sh", "-c", "trap '' TERM HUP INT; sleep 300 # {mark}"], start_new_session=True)
        while True:
            pass
    return "here"
    """.strip()
    name = deploy(source(body, 0), Timeout=1)
    assert invoke(name, "stay").payload["errorType"] == "Sandbox.Timedout"
    end = time.monotonic() + 5 * TIME_SCALE
    while any(mark in line for line in command_lines()):
        assert time.monotonic() < end
        time.sleep(0.02)
    assert invoke(name).payload == "here"


def test_a_thread_of_an_earlier_invocation_cannot_answer_in_its_name(deploy: Any, invoke: Any) -> None:
    body = """
    def forge(identifier):
        seen = []
        for _ in range(20):
            path = "/2018-06-01/runtime/invocation/" + identifier + "/response"
            link = urllib.request.Request("http://127.0.0.1:9001" + path, data=b'"forged"', method="POST")
            try:
                seen.append(urllib.request.urlopen(link).status)
            except urllib.error.HTTPError as error:
                seen.append(error.code)
            time.sleep(0.005)
        handler.seen = seen
    if event == "old":
        forger = threading.Thread(target=forge, args=(handler.identifier,))
        forger.start()
        forger.join()
        return handler.seen
    handler.identifier = context.aws_request_id
    return "honest"
    """.strip()
    name = deploy(source(body, 0))
    assert invoke(name, "first").payload == "honest"
    assert set(invoke(name, "old").payload) == {400}  # an answer for an id that is over is nobody's
    assert invoke(name, "again").payload == "honest"


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
    return lambda: belongings.programs(ingle)


@pytest.mark.parametrize("program", ["control", "gateway", "worker"])
def test_a_program_of_ours_has_no_capability_and_can_gain_none(program: str, programs: Any) -> None:
    text = Path(f"/proc/{programs()[program]}/status").read_text()
    status = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[held], 16) == 0 or os.geteuid() != 0, held
    assert status["NoNewPrivs"] == "1"
