"""Response streaming, as boto3 sees it: bytes come as they are written, and every end is told in InvokeComplete."""

import base64
import json
import struct
import time
from pathlib import Path
from typing import Any

import belongings
import pytest
from harness import ROOT, Ingle

EXAMPLE = ROOT / "examples" / "streaming" / "index.mjs"

# A Python runtime of the function's own, which streams as the Runtime API has it.
RUNTIME = """
import base64, json, os, socket, struct, time
BASE = b"/2018-06-01/runtime/invocation/"
def connect():
    return socket.create_connection(("127.0.0.1", 9001))
def ask(method, path, headers=b"", body=b""):
    link = connect()
    link.sendall(b"%b %b HTTP/1.1\\r\\nHost: a\\r\\n%bcontent-length: %d\\r\\n\\r\\n%b" % (method, path, headers, len(body), body))
    data = link.recv(65536)
    while b"\\r\\n\\r\\n" not in data:
        data += link.recv(65536)
    return data
class Stream:
    def __init__(self):
        lines = ask(b"GET", BASE + b"next").split(b"\\r\\n")
        self.id = [one.split(b": ")[1] for one in lines if one.lower().startswith(b"lambda-runtime-aws-request-id")][0]
        self.event = json.loads(lines[-1])
        self.link = connect()
    def begin(self, mode=b"streaming"):
        head = b" HTTP/1.1\\r\\nHost: a\\r\\nLambda-Runtime-Function-Response-Mode: %b\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
        self.link.sendall(b"POST " + BASE + self.id + b"/response" + head % mode)
    def write(self, data):
        self.link.sendall(b"%x\\r\\n%b\\r\\n" % (len(data), data))
    def end(self, trailers=b""):
        self.link.sendall(b"0\\r\\n%b\\r\\n" % trailers)
        return self.link.recv(65536)
"""


class Events:
    """What an InvokeWithResponseStream brought: chunks with the time at which each came, and how it ended."""

    def __init__(self, functions: Any, name: str, event: Any = None, **settings: Any) -> None:
        payload = json.dumps(event).encode()
        self.head = functions.invoke_with_response_stream(FunctionName=name, Payload=payload, **settings)
        self.chunks: list[tuple[float, bytes]] = []
        self.complete: dict[str, str] = {}
        self.has_ended = False

    def read(self) -> "Events":
        for event in self.head["EventStream"]:
            assert not self.has_ended
            if "PayloadChunk" in event:
                self.chunks.append((time.monotonic(), event["PayloadChunk"]["Payload"]))
            else:
                self.complete = event["InvokeComplete"]
                self.has_ended = True
        return self

    @property
    def body(self) -> bytes:
        return b"".join(data for _, data in self.chunks)


@pytest.fixture
def stream(functions: Any) -> Any:
    return lambda *arguments, **settings: Events(functions, *arguments, **settings).read()


@pytest.fixture
def node(ingle: Ingle, deploy: Any) -> Any:
    """Deploy an ES module for node."""
    if not Path("/usr/bin/node").exists():
        pytest.skip("this host has no node")

    def act(source: str, **settings: Any) -> str:
        files = {"index.mjs": source}
        return str(deploy("", files=files, runtime="nodejs20.x", Handler="index.handler", **settings))

    return act


def test_the_example_streams_its_lines_as_it_writes_them(node: Any, stream: Any) -> None:
    name = node(EXAMPLE.read_text(), Timeout=20)
    answer = stream(name, {"lines": 5, "pauseMs": 500}, LogType="Tail")
    assert answer.head["StatusCode"] == 200
    assert answer.head["ExecutedVersion"] == "$LATEST"
    assert answer.head["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    prelude, _, text = answer.body.partition(b"\0" * 8)
    assert json.loads(prelude) == {"statusCode": 200, "headers": {"Content-Type": "text/plain"}}
    request_id = answer.head["ResponseMetadata"]["RequestId"]
    assert text.decode().splitlines() == [f"line {number} of {request_id}" for number in range(1, 6)]
    assert 1.8 < answer.chunks[-1][0] - answer.chunks[0][0] < 6
    assert answer.complete.keys() == {"LogResult"}
    tail = base64.b64decode(answer.complete["LogResult"]).decode()
    assert f"START RequestId: {request_id}" in tail
    assert "REPORT" in tail


def test_who_invokes_the_example_plainly_gets_it_whole(node: Any, functions: Any) -> None:
    answer = functions.invoke(FunctionName=node(EXAMPLE.read_text()), Payload=b'{"lines":2,"pauseMs":1}')
    assert "FunctionError" not in answer
    assert answer["Payload"].read().count(b"line ") == 2


def test_an_answer_that_is_not_streamed_comes_as_chunks(deploy: Any, stream: Any) -> None:
    name = deploy("def handler(event, context):\n    return 'x' * event\n")
    small = stream(name, 5)
    assert ([data for _, data in small.chunks], small.complete, small.has_ended) == ([b'"xxxxx"'], {}, True)
    large = stream(name, 5_000_000)
    assert len(large.chunks) > 1
    assert json.loads(large.body) == "x" * 5_000_000


def test_an_error_before_any_byte_is_told_in_the_end(deploy: Any, stream: Any) -> None:
    answer = stream(deploy("def handler(event, context):\n    raise ValueError('no')\n"), LogType="Tail")
    assert (answer.chunks, answer.complete["ErrorCode"]) == ([], "Unhandled")
    assert json.loads(answer.complete["ErrorDetails"])["errorType"] == "ValueError"
    assert b"ValueError" in base64.b64decode(answer.complete["LogResult"])


NODE_FAILS = """
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  if (event.first) throw new RangeError('before');
  stream.setContentType('text/plain');
  stream.write('begun');
  await new Promise((go) => setTimeout(go, 100));
  throw new RangeError('broken\\n');
});
"""


def test_an_error_within_the_stream_comes_behind_its_bytes(node: Any, stream: Any, invoke: Any) -> None:
    name = node(NODE_FAILS)
    for _ in range(2):  # the environment lives on
        answer = stream(name, {}, LogType="Tail")
        assert (answer.body, answer.complete["ErrorCode"]) == (b"begun", "Unhandled")
        details = json.loads(answer.complete["ErrorDetails"])
        assert (details["errorType"], details["errorMessage"]) == ("RangeError", "broken\n")
    assert "Init Duration" not in base64.b64decode(answer.complete["LogResult"]).decode()
    before = stream(name, {"first": True})
    assert (before.body, before.complete["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(before.complete["ErrorDetails"])["errorMessage"] == "before"
    whole = invoke(name, {})
    assert (whole.error, whole.payload["errorType"]) == ("Unhandled", "RangeError")


ENDS = (
    RUNTIME
    + """
while True:
    stream = Stream()
    stream.begin()
    stream.write(b"begun")
    if stream.event == "exit":
        time.sleep(0.2)
        os._exit(3)
    if stream.event == "hang":
        time.sleep(60)
    if stream.event == "cut":
        stream.link.close()
        time.sleep(60)
    stream.end()
"""
)


@pytest.mark.parametrize(
    ("event", "code", "said"),
    [
        ("exit", "Runtime.TruncatedResponse", "Runtime exited with error: exit status 3"),
        ("cut", "Runtime.TruncatedResponse", "The runtime broke off its response"),
        ("hang", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
    ],
)
def test_a_stream_that_does_not_end_by_itself_says_why(
    event: str, code: str, said: str, deploy: Any, stream: Any
) -> None:
    name = deploy(ENDS, Timeout=2)
    answer = stream(name, event)
    assert (answer.body, answer.complete["ErrorCode"]) == (b"begun", code)
    assert json.loads(answer.complete["ErrorDetails"])["errorMessage"].endswith(said)
    assert stream(name, "fine").body == b"begun"


HOSTILE = (
    RUNTIME
    + """
while True:
    stream = Stream()
    stream.begin(b"buffered" if stream.event == "mode" else b"streaming")
    if stream.event == "mode":
        stream.write(b"begun")
        said = stream.link.recv(65536)
        stream.link = connect()
        stream.begin()
        stream.write(said)
        stream.end()
    elif stream.event == "trailers":
        stream.write(b"begun")
        stream.end(b"lambda-runtime-function-error-type: Runtime.$$\\r\\nlambda-runtime-function-error-body: ?\\r\\n")
    else:
        stream.write(b"begun")
        stream.end(b"lambda-runtime-function-error-body: " + b"x" * 100_000 + b"\\r\\n")
"""
)


def test_modes_and_trailers_that_break_the_protocol_are_refused_or_contained(deploy: Any, stream: Any) -> None:
    name = deploy(HOSTILE, Timeout=5)
    assert b"InvalidFunctionResponseMode" in stream(name, "mode").body
    odd = stream(name, "trailers").complete
    assert (odd["ErrorCode"], json.loads(odd["ErrorDetails"])["errorType"]) == ("Unhandled", "Runtime.$$")
    long = stream(name, "long").complete
    assert long["ErrorCode"] in ("Runtime.TruncatedResponse", "Unhandled"), long  # whether "begun" came before or not


FLOODS = (
    RUNTIME
    + """
while True:
    stream = Stream()
    stream.begin()
    try:
        for _ in range(stream.event * 16):
            stream.write(struct.pack(">d", time.time()) + bytes(65528))
        stream.end()
    except OSError:
        time.sleep(1)
"""
)


def resident_mib(ingle: Ingle, program: str) -> float:
    pid = belongings.programs(ingle)[program]
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


def test_a_client_that_does_not_read_stops_the_functions_writes(ingle: Ingle, functions: Any, deploy: Any) -> None:
    name = deploy(FLOODS, Timeout=30)
    assert len(Events(functions, name, 1).read().body) == 1 << 20
    before = {program: resident_mib(ingle, program) for program in ("gateway", "worker")}
    answer = Events(functions, name, 100)
    time.sleep(2)
    for program, mib in before.items():
        assert resident_mib(ingle, program) - mib < 8, program
    read_from = time.time()
    body = answer.read().body
    assert len(body) == 100 << 20
    stamps = [struct.unpack_from(">d", body, at)[0] for at in range(0, len(body), 65536)]
    assert sum(stamp < read_from for stamp in stamps) < 32 * 16  # what the kernel's and our own buffers hold
    assert not any(read_from - 1 < stamp < read_from - 0.1 for stamp in stamps)


def test_a_stream_ends_at_200_mb(deploy: Any, stream: Any) -> None:
    answer = stream(deploy(FLOODS, Timeout=60), 201)
    assert (200 << 20) - (1 << 18) <= len(answer.body) <= 200 << 20
    assert answer.complete["ErrorCode"] == "Function.ResponseSizeTooLarge"
    assert "209715200" in answer.complete["ErrorDetails"]


def test_a_stream_of_more_than_6_mb_is_too_large_for_a_plain_invoke(deploy: Any, invoke: Any) -> None:
    answer = invoke(deploy(FLOODS, Timeout=60), 7)
    assert answer.payload == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_a_caller_that_leaves_within_a_stream_costs_no_environment(functions: Any, deploy: Any) -> None:
    name = deploy(FLOODS, Timeout=20)
    for _ in range(3):
        left = Events(functions, name, 20)
        next(iter(left.head["EventStream"]))
        left.head["EventStream"].close()
    time.sleep(1)
    tail = Events(functions, name, 1, LogType="Tail").read().complete["LogResult"]
    assert "Init Duration" not in base64.b64decode(tail).decode()


def test_a_dry_run_only_asks_whether_one_may(functions: Any, deploy: Any) -> None:
    name = deploy("def handler(e, c):\n    1 / 0\n")
    dry = functions.invoke_with_response_stream(FunctionName=name, InvocationType="DryRun")
    dry["EventStream"].close()
    assert dry["StatusCode"] == 204
    with pytest.raises(functions.exceptions.ClientError, match=r"enum value set: \[RequestResponse, DryRun\]"):
        functions.invoke_with_response_stream(FunctionName=name, InvocationType="Event")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke_with_response_stream(FunctionName="nobody")
