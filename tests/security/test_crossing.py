"""Nothing of one invocation reaches another, whatever its runtime or its caller does in between."""

import base64
import concurrent.futures
import contextlib
import json
import os
import socket
import time
from pathlib import Path
from typing import Any

import belongings
import pytest
from harness import Ingle, running_ingle
from tests.system.test_front_door import FUNCTIONS, signed

from ingle.spawner import messages
from ingle.spawner.messages import Detach, Failed, Level, Spawn, Stop

RUNTIME = """
import socket, threading, time
def ask(method, path, headers=b"", body=b""):
    link = socket.create_connection(("127.0.0.1", 9001))
    link.sendall(method + b" " + path + b" HTTP/1.1\\r\\nHost: a\\r\\n" + headers + b"content-length: %d\\r\\n\\r\\n" % len(body) + body)
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += link.recv(65536)
    return data
BASE = b"/2018-06-01/runtime/invocation/"
STREAMING = b" HTTP/1.1\\r\\nHost: a\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
def next_id():
    heads = ask(b"GET", BASE + b"next").split(b"\\r\\n")
    return [line.split(b": ")[1] for line in heads if line.lower().startswith(b"lambda-runtime-aws-request-id")][0]
def stream(identifier):
    link = socket.create_connection(("127.0.0.1", 9001))
    link.sendall(b"POST " + BASE + identifier + b"/response" + STREAMING)
    return link
"""

EVIL = (
    RUNTIME
    + """
def go_on(link):
    for _ in range(40):
        time.sleep(0.02)
        try:
            link.sendall(b"5\\r\\nEVIL!\\r\\n")
        except OSError:
            return
while True:
    identifier = next_id()
    link = stream(identifier)
    link.sendall(b"5\\r\\nhello\\r\\n")
    time.sleep(0.05)
    second = ask(b"POST", BASE + identifier + b"/response", b"", b'"second"')
    print("second answer", second[:12])
    link.sendall(b"0\\r\\n\\r\\n")
    threading.Thread(target=go_on, args=(link,), daemon=True).start()
"""
)
CRASHES = RUNTIME + "import os\nlink = stream(next_id())\nlink.sendall(b'5\\r\\nhello\\r\\n')\nos._exit(3)\n"


def test_a_stream_that_goes_on_after_its_answer_reaches_nobody_else(deploy: Any, functions: Any) -> None:
    evil, victim = deploy(EVIL, Timeout=5), deploy("def handler(e, c):\n    return 'fine ' * 100\n")
    for _ in range(8):
        assert functions.invoke(FunctionName=evil)["Payload"].read() == b"hello"
        for _ in range(5):
            assert json.loads(functions.invoke(FunctionName=victim)["Payload"].read()) == "fine " * 100


def test_a_runtime_that_dies_within_its_streamed_answer_is_an_error_to_who_wants_it_whole(
    deploy: Any, functions: Any
) -> None:
    answer = functions.invoke(FunctionName=deploy(CRASHES, Timeout=5))
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorType"] == "Runtime.ExitError"


def groups(ingle: Ingle) -> int:
    """Count the environments that belong to somebody: blank ones have no limits yet."""
    return sum(limited(path) for path in belongings.groups(ingle))


def limited(group: Path) -> bool:
    try:
        return (group / "pids.max").read_text().strip() != "max"
    except OSError:
        return False


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: environments are counted by their cgroups")
def test_callers_that_leave_within_a_large_answer_leave_no_environment_behind() -> None:
    with running_ingle() as ingle:
        ingle.deploy("big", {"app.py": "def handler(e, c):\n    return 'x' * 5_000_000\n"})
        for _ in range(12):
            with socket.socket() as link:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                link.connect(("127.0.0.1", ingle.port))
                link.sendall(signed(ingle, "POST", FUNCTIONS + "big/invocations", b"{}"))
                link.recv(100)
        end = time.monotonic() + 5
        while groups(ingle) > 2 and time.monotonic() < end:
            time.sleep(0.05)
        assert groups(ingle) <= 2
        ingle.client().delete_function(FunctionName="big")
        while groups(ingle) and time.monotonic() < end:
            time.sleep(0.05)
        assert groups(ingle) == 0


def resident_mib(ingle: Ingle) -> float:
    pid = belongings.programs(ingle)["gateway"]
    text = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("VmRSS"))) / 1024


SENDS_DESCRIPTORS = """
import array, os, socket
def handler(event, context):
    for number in range(3, 16):
        try:
            link = socket.socket(fileno=os.dup(number))
        except OSError:
            continue
        if link.family == socket.AF_UNIX:
            held = array.array("i", [os.open("/dev/null", os.O_RDONLY) for _ in range(100)])
            for _ in range(20):
                link.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, held)])
            return "sent"
    return "no Unix socket"
"""


def open_descriptors(ingle: Ingle) -> int:
    pid = belongings.programs(ingle)["worker"]
    return len(os.listdir(f"/proc/{pid}/fd"))


def test_descriptors_that_a_runtime_sends_reach_nobody(ingle: Ingle, deploy: Any, functions: Any) -> None:
    """Python functions hold a Unix socket to their worker, which takes bytes from it and nothing else."""
    name = deploy(SENDS_DESCRIPTORS)
    before = open_descriptors(ingle)
    answer = functions.invoke(
        FunctionName=name
    )  # what it sends is no HTTP: the connection ends, and so does its runtime
    assert "FunctionError" in answer
    assert open_descriptors(ingle) - before < 30
    assert ingle.is_healthy()


def test_who_asks_without_reading_is_answered_no_further(ingle: Ingle) -> None:
    before = resident_mib(ingle)
    request = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", ingle.port))) for _ in range(4)]
        end = time.monotonic() + 4
        for link in links:
            link.setblocking(False)
        while time.monotonic() < end:
            for link in links:
                with contextlib.suppress(BlockingIOError, ConnectionError):  # held back, or cut
                    link.send(request * 50)
            time.sleep(0.001)
        assert resident_mib(ingle) - before < 30
    assert ingle.is_healthy()


def test_a_client_context_with_line_breaks_stays_one_header(deploy: Any, functions: Any) -> None:
    name = deploy("def handler(e, c):\n    return c.client_context.custom\n")
    raw = b'{"custom":{"a":1,\r\n\r\n"b":2}}'
    answer = functions.invoke(FunctionName=name, ClientContext=base64.b64encode(raw).decode())
    assert json.loads(answer["Payload"].read()) == {"a": 1, "b": 2}


def test_no_environment_is_handed_to_a_worker_that_did_not_ask_for_it() -> None:
    """The worker dies while its first environments start; its successor gets only its own."""
    source = "import os\ndef handler(e, c):\n    return os.environ['WHO']\n"
    with running_ingle() as ingle:
        for who in ("x", "y"):
            ingle.deploy(who, {"app.py": source}, Environment={"Variables": {"WHO": who}})
        for _ in range(2):
            worker = belongings.programs(ingle)["worker"]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                asked = [pool.submit(invoke_quietly, ingle, "x") for _ in range(4)]
                time.sleep(0.01)  # the point: some are being started now
                os.kill(worker, 9)
                assert {one.result(timeout=30) for one in asked} <= {"x", None}
            answers = (invoke_quietly(ingle, "y") for _ in range(50))  # the first may meet the worker that is gone
            assert next(answer for answer in answers if answer is not None) == "y"


def invoke_quietly(ingle: Ingle, name: str) -> Any:
    try:
        return json.loads(ingle.client().invoke(FunctionName=name)["Payload"].read())
    except Exception:
        return None


def test_a_second_worker_reaches_nothing_of_the_first(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    """Two workers speak with the spawner while one takes the other's place; whose an environment is, it keeps."""
    if "isolation  sandbox (" not in ingle.announcement():
        pytest.skip("images have numbers at the spawner only where it runs as root")
    name = deploy("n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n")
    assert invoke(name).payload == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as second:
        second.settimeout(10)
        second.connect(str(ingle.data_dir / "run" / "spawner.sock"))
        for number in range(1, 200):
            messages.send(second, Stop(number))
            messages.send(second, Detach(number))
        pipes = [os.pipe() for _ in range(3)]
        link, its_link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("configuration")
        given = [memory, *(write for _, write in pipes), its_link.fileno()]
        for image in range(1, 20):
            wanted = Spawn(token=1000 + image, runtime=0, memory_mib=128, tmp_mib=512, code=image, layers=0)
            messages.send(second, wanted, given)
        refused: set[int] = set()
        while len(refused) < 19:
            told = messages.receive(second)
            assert told is not None
            assert isinstance(told.message, Failed | Level)
            if isinstance(told.message, Failed):
                refused.add(told.message.token)
        for descriptor in (memory, *(end for pipe in pipes for end in pipe)):
            os.close(descriptor)
        link.close()
        its_link.close()
    assert invoke(name).payload == 2
