"""Bodies that break off, sent to every reader that a stranger, a caller or a function can reach, leave memory flat.

The oracle is what the kernel counts for each program. How a collector may help is not asked: nothing is to be left to it.
"""

import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import belongings
import pytest
from harness import Ingle, running_ingle

BODY = bytes(range(256)) * 22_000
"""5.6 MB: below every limit of a payload, and far more than a socket takes without a reader."""
ROUNDS = 24
SLACK_MIB = 40
"""What ROUNDS bodies of 5.6 MB may leave of 130 MiB, for the allocator's holes and everything else that goes on."""

ANSWERS = """
import os, random, socket, struct

HOST, PORT = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
BODY = bytes(5_600_000)

def broken(head, size, source):
    with socket.create_connection((HOST, int(PORT))) as link:
        chunked = source.random() < 0.5
        framing = "transfer-encoding: chunked" if chunked else "content-length: 6000000"
        link.sendall((head + "host: a\\r\\n" + framing + "\\r\\n\\r\\n").encode())
        if chunked:
            link.sendall(b"%x\\r\\n" % size)
        try:
            link.sendall(BODY[:size])
            if source.random() < 0.5:
                link.shutdown(socket.SHUT_WR)
                link.recv(1)
            else:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass

def handler(event, context):
    source = random.Random(event["seed"])
    for _ in range(event["rounds"]):
        head = event["head"].replace("ID", context.aws_request_id)
        broken(head, event["size"], source)
"""


@pytest.fixture(scope="module")
def alone() -> Iterator[Ingle]:
    """An Ingle whose memory no other test uses."""
    with running_ingle() as running:
        yield running


def mib_of(ingle: Ingle, program: str) -> float:
    """Return the anonymous memory of one of the programs."""
    pid = belongings.programs(ingle)[program]
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) / 1024


def left_mib(ingle: Ingle, program: str, act: Callable[[int], None]) -> float:
    """Return how much more memory a program has after ROUNDS broken bodies than after a few."""
    for seed in range(6):
        act(seed)
    time.sleep(0.3)
    before = mib_of(ingle, program)
    for seed in range(ROUNDS):
        act(seed)
    end = time.monotonic() + 5
    while (left := mib_of(ingle, program) - before) > SLACK_MIB and time.monotonic() < end:
        time.sleep(0.1)
    return left


def send_broken(ingle: Ingle, head: bytes, seed: int, *, times: int = 1) -> None:
    """Send a request whose body breaks off in one of many ways."""
    source = random.Random(seed)
    is_chunked = source.random() < 0.5
    framing = b"transfer-encoding: chunked" if is_chunked else b"content-length: %d" % (len(BODY) * times + 1)
    with socket.create_connection(("127.0.0.1", ingle.port), timeout=10) as peer:
        peer.sendall(head + framing + b"\r\n\r\n")
        try:
            for _ in range(times):
                peer.sendall(b"%x\r\n%b\r\n" % (len(BODY), BODY) if is_chunked else BODY)
            way = source.randrange(3)
            if way == 0:
                peer.shutdown(socket.SHUT_WR)
                peer.recv(65536)
            elif way == 1 and is_chunked:
                peer.sendall(b"no chunk\r\n")
                peer.recv(65536)
        except OSError:  # it was refused before all of it had gone out
            pass


def signed_head(ingle: Ingle, method: str, path: str) -> bytes:
    """Return a head that says no more than what an eavesdropper knows: the id of an access key."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{ingle.credentials['access_key_id']}/{now[:8]}/us-east-1/lambda/aws4_request"
    signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}"
    return f"{method} {path} HTTP/1.1\r\nhost: a\r\nx-amz-date: {now}\r\nauthorization: {signature}\r\n".encode()


def test_a_stranger_fills_no_memory_through_a_function_url(alone: Ingle) -> None:
    functions = alone.client()
    alone.deploy("open", {"app.py": "def handler(event, context):\n    return 1\n"})
    host = functions.create_function_url_config(FunctionName="open", AuthType="NONE")["FunctionUrl"].split("/")[2]
    for action, extra in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}),
        ("lambda:InvokeFunction", {"InvokedViaFunctionUrl": True}),
    ):
        functions.add_permission(FunctionName="open", StatementId=action[7:], Action=action, Principal="*", **extra)
    head = f"POST / HTTP/1.1\r\nhost: {host}\r\n".encode()
    assert left_mib(alone, "gateway", lambda seed: send_broken(alone, head, seed)) < SLACK_MIB


@pytest.mark.parametrize(
    ("program", "method", "path"),
    [
        ("gateway", "POST", "/2015-03-31/functions/f/invocations"),
        ("gateway", "POST", "/2015-03-31/functions"),
        ("control", "POST", "/2015-03-31/functions"),
        ("control", "PUT", "/2015-03-31/functions/f/code"),
    ],
)
def test_who_knows_an_access_keys_id_fills_no_memory(alone: Ingle, program: str, method: str, path: str) -> None:
    head = signed_head(alone, method, path)
    times = 4 if program == "control" else 1
    assert left_mib(alone, program, lambda seed: send_broken(alone, head, seed, times=times)) < SLACK_MIB


@pytest.mark.parametrize(
    "head",
    [
        "POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\n",
        "POST /2018-06-01/runtime/invocation/ID/error HTTP/1.1\r\n",
        "POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\n"
        "lambda-runtime-function-response-mode: streaming\r\n",
        "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n",
        "POST /2020-01-01/extension/register HTTP/1.1\r\nlambda-extension-name: own\r\n",
        "PUT /2022-07-01/telemetry HTTP/1.1\r\n",
    ],
    ids=["response", "error", "stream", "init_error", "register", "telemetry"],
)
def test_a_function_fills_no_memory_of_its_worker(alone: Ingle, head: str) -> None:
    functions: Any = alone.client()
    name = "breaks-off"
    if name not in {one["FunctionName"] for one in functions.list_functions()["Functions"]}:
        alone.deploy(name, {"app.py": ANSWERS}, Timeout=60)

    def act(seed: int) -> None:
        event = {"seed": seed, "rounds": 1, "head": head, "size": len(BODY)}
        functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())

    assert left_mib(alone, "worker", act) < SLACK_MIB
