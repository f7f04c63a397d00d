"""The management API: reads a second, creation, lists and start-up with 10,000 functions, updates under traffic.

The 10,000 functions are copies of one, written straight into the database while Ingle is stopped. Reads go over two
closed-loop keep-alive connections, each request signed before the clock starts.
"""

import dataclasses
import os
import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import load
import msgspec
import uvloop
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import Ingle, print_table, running_ingle, zip_of

from ingle.artifacts import FileChunks
from ingle.control.code.code_store import CodeStore
from ingle.keys import FileRootKey, Keyring
from ingle.store import FunctionRepository

FUNCTIONS = 10_000
PAGE = 50
_POLL_S = 0.002


def answering(word: str) -> bytes:
    """Return the zip of a function that answers one word."""
    return zip_of({"app.py": f"def handler(event, context):\n    return '{word}'\n"})


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An answer and when, by the monotonic clock, it was asked for and there; `failed: ` and why, where it was none."""

    sent_s: float
    answered_s: float
    payload: str


class Traffic:
    """Constant invocations of a function on threads of their own."""

    def __init__(self, ingle: Ingle, name: str, threads: int = 2) -> None:
        self._ingle = ingle
        self._name = name
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._invoke) for _ in range(threads)]
        self.answers: list[Answer] = []

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _invoke(self) -> None:
        client = self._ingle.client()
        while not self._is_over.is_set():
            sent_s = time.monotonic()
            try:
                answer = client.invoke(FunctionName=self._name)
                payload = answer["Payload"].read().decode()
                if "FunctionError" in answer:
                    payload = f"failed: {payload}"
            except Exception as error:
                payload = f"failed: {error}"
            self.answers.append(Answer(sent_s, time.monotonic(), payload))


def update_under_traffic(ingle: Ingle, name: str, updates: int) -> tuple[list[float], int, int, int]:
    """Update a function's code again and again while it is invoked.

    Return the milliseconds from each call of UpdateFunctionCode until the first answer of the new code, and how many
    invocations there were, failed, and were answered by old code though they began after the update was told to be done.
    """
    client = ingle.client()
    ingle.deploy(name, {"app.py": "def handler(event, context):\n    return 'v0'\n"})
    began: list[float] = [0.0]
    done: list[float] = [0.0]
    with Traffic(ingle, name) as traffic:
        for number in range(1, updates + 1):
            time.sleep(0.1)
            began.append(time.monotonic())
            client.update_function_code(FunctionName=name, ZipFile=answering(f"v{number}"))
            while client.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "InProgress":
                time.sleep(_POLL_S)
            done.append(time.monotonic())
        time.sleep(0.2)
    good = [one for one in traffic.answers if not one.payload.startswith("failed")]
    got = [(int(one.payload.strip('"v')), one) for one in good]
    wrong = sum(number < sum(at_s <= one.sent_s for at_s in done) - 1 for number, one in got)
    first = {number: min(one.answered_s for other, one in got if other == number) for number, _ in got}
    live = [(first[number] - began[number]) * 1e3 for number in range(1, updates + 1) if number in first]
    return live, len(traffic.answers), len(traffic.answers) - len(good), wrong


def signed_reads(ingle: Ingle, names: list[str], count: int, query: str = "/configuration") -> list[bytes]:
    """Return whole signed GET requests for functions' configurations, by turns."""
    held = ingle.credentials
    signer = SigV4Auth(Credentials(held["access_key_id"], held["secret_access_key"]), "lambda", "us-east-1")
    made = []
    for number in range(count):
        path = f"/2015-03-31/functions/{names[number % len(names)]}{query}"
        request = AWSRequest("GET", f"http://127.0.0.1:{ingle.port}{path}", headers={"Host": f"127.0.0.1:{ingle.port}"})
        signer.add_auth(request)
        lines = "".join(f"{key}: {value}\r\n" for key, value in request.headers.items())
        made.append(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
    return made


def reads_a_second(ingle: Ingle, names: list[str], per_connection: int = 2000) -> load.Load:
    """Drive GetFunctionConfiguration over two connections."""
    uvloop.run(load.drive("127.0.0.1", ingle.port, [signed_reads(ingle, names, 200)]))
    batches = [signed_reads(ingle, names, per_connection) for _ in range(2)]
    return uvloop.run(load.drive("127.0.0.1", ingle.port, batches))


def creations(ingle: Ingle, count: int = 20) -> Iterator[float]:
    """Yield the milliseconds that CreateFunction of a 1 MB zip takes, until Active."""
    client = ingle.client()
    for number in range(count):
        name = f"large{number}"
        content = zip_of({"app.py": "def handler(e, c): return 1\n", "data.bin": os.urandom(1_000_000)})
        started = time.perf_counter()
        client.create_function(
            FunctionName=name, Runtime="python3.11", Handler="app.handler",
            Role="arn:aws:iam::000000000000:role/benchmark", Code={"ZipFile": content},
        )  # fmt: skip
        while client.get_function_configuration(FunctionName=name)["State"] == "Pending":
            time.sleep(_POLL_S)
        yield (time.perf_counter() - started) * 1e3
        client.delete_function(FunctionName=name)


def multiply(data_dir: Path, name: str, count: int) -> None:
    """Copy a function in the database of a stopped Ingle until there are `count` more, each with variables of its own."""
    connection = sqlite3.connect(data_dir / "metadata.sqlite")
    function = FunctionRepository(connection).find("000000000000", "us-east-1", name)
    assert function is not None
    code = CodeStore(Keyring(FileRootKey(data_dir / "keys" / "root.key")), FileChunks(data_dir / "chunks"))
    rows = []
    for number in range(count):
        one = msgspec.structs.replace(function, name=f"copy{number:05}")
        sealed, key = code.seal_variables(one.arn, {"STAGE": "test", "NUMBER": str(number)})
        latest = one.latest.replace(sealed_variables=sealed, variables_key=key, has_variables=True)
        rows.append((one.account, one.region, one.name, msgspec.msgpack.encode(one.with_version(latest))))
    with connection:
        connection.executemany("INSERT INTO functions VALUES (?, ?, ?, ?)", rows)
    connection.close()


def pages(ingle: Ingle) -> Iterator[float]:
    """Yield the milliseconds that each page of ListFunctions takes, over all functions."""
    client = ingle.client()
    marker: dict[str, str] = {}
    while True:
        started = time.perf_counter()
        answer = client.list_functions(MaxItems=PAGE, **marker)
        yield (time.perf_counter() - started) * 1e3
        if "NextMarker" not in answer:
            return
        marker = {"Marker": answer["NextMarker"]}


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, str, str]] = []
    with running_ingle() as ingle:
        ingle.deploy("hello", {"app.py": "def handler(event, context):\n    return event\n"})
        made = sorted(creations(ingle))
        rows.append(("CreateFunction of a 1 MB zip until Active, median (worst), ms", f"{statistics.median(made):.0f} ({made[-1]:.0f})", "150"))  # fmt: skip
        live, count, failed, wrong = update_under_traffic(ingle, "changing", 20)
        rows.append(("UpdateFunctionCode until new code answers, under traffic, median (worst), ms", f"{statistics.median(live):.0f} ({max(live):.0f})", "100"))  # fmt: skip
        rows.append(("invocations meanwhile: failed, of a wrong version", f"{count}: {failed}, {wrong}", "0, 0"))
        ingle.stop()
        multiply(ingle.data_dir, "hello", FUNCTIONS)
        starts = []
        for _ in range(3):
            ingle.start()
            starts.append(ingle.ready_seconds)
            if len(starts) < 3:
                ingle.stop()
        rows.append((f"start-up with {FUNCTIONS:,} functions, median (worst), s", f"{statistics.median(starts):.2f} ({max(starts):.2f})", "3"))  # fmt: skip
        listed = sorted(pages(ingle))
        rows.append((f"ListFunctions, a page of {PAGE} of {FUNCTIONS:,}, median (worst), ms", f"{statistics.median(listed):.1f} ({listed[-1]:.1f})", "20"))  # fmt: skip
        read = reads_a_second(ingle, [f"copy{number:05}" for number in range(PAGE)])
        rows.append(("GetFunctionConfiguration, a second (median us)", f"{read.rate:,.0f} ({read.median_us:,.0f})", "800"))  # fmt: skip
        assert read.failures == 0
    print_table("The management API", ("what", "measured", "promise"), rows)


if __name__ == "__main__":
    main()
