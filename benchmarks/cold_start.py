"""Cold starts of a hello: from the arrival of the request to its answer, against starting the interpreter by hand.

`sealed`: the start of a version that never ran: the worker's host has its sealed ciphertext, nothing of it is opened or
mounted, and the grant is still to be asked for. `5 MB` adds a large artifact. `from the pool`: one more environment of a
version that runs already, while all its others are busy. The zygote of the runtime is there, and its pool is filled.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from harness import ECHO, ROOT, Ingle, print_table, running_ingle, touch_memory, zip_of

from ingle.app.languages.interpreters import find_runtimes

_PAUSE_S = 0.03  # between starts: none pays for what the one before left to be done behind it
_REFILL_S = 0.1
SLEEPER = "import time\ndef handler(event, context):\n    time.sleep(event or 0)\n    return event\n"
NODE = "exports.handler = async (event) => event;\n"


class Caller:
    """One keep-alive connection; a request is whole before the clock starts."""

    def __init__(self, ingle: Ingle) -> None:
        self._host = f"127.0.0.1:{ingle.port}"
        self._link = socket.create_connection(("127.0.0.1", ingle.port))
        held = ingle.credentials
        key = Credentials(held["access_key_id"], held["secret_access_key"])
        self._signer = SigV4Auth(key, "lambda", "us-east-1")

    def occupy(self, name: str, qualifier: str = "%24LATEST") -> None:
        """Have an environment sleep for half a minute, and don't wait for it."""
        self._link.sendall(self._request(name, qualifier, b"30"))

    def invoke(self, name: str, qualifier: str) -> float:
        """Invoke and return the milliseconds until the answer is here."""
        raw = self._request(name, qualifier, b"{}")
        time.sleep(_PAUSE_S)
        started = time.perf_counter()
        self._link.sendall(raw)
        answer = self._link.recv(65536)
        took = (time.perf_counter() - started) * 1e3
        if not answer.startswith(b"HTTP/1.1 200") or b"x-amz-function-error" in answer or not answer.endswith(b"{}"):
            raise RuntimeError(answer.decode())
        return took

    def _request(self, name: str, qualifier: str, event: bytes) -> bytes:
        path = f"/2015-03-31/functions/{name}/invocations?Qualifier={qualifier}"
        request = AWSRequest("POST", f"http://{self._host}{path}", data=event, headers={"Host": self._host})
        self._signer.add_auth(request)
        lines = "".join(f"{field}: {value}\r\n" for field, value in request.headers.items())
        return f"POST {path} HTTP/1.1\r\n{lines}Content-Length: {len(event)}\r\n\r\n".encode() + event


def versions(ingle: Ingle, name: str, files: dict[str, str | bytes], count: int, **settings: str) -> list[str]:
    """Publish `count` versions of a function, each of which differs, and return their numbers."""
    client = ingle.client()
    ingle.deploy(name, {**files, "version.txt": "0"}, **settings)
    made = []
    for number in range(count):
        client.update_function_code(FunctionName=name, ZipFile=zip_of({**files, "version.txt": str(number)}))
        client.get_waiter("function_updated_v2").wait(
            FunctionName=name, WaiterConfig={"Delay": 0.02, "MaxAttempts": 500}
        )
        made.append(client.publish_version(FunctionName=name)["Version"])
    return made


def measure(ingle: Ingle, name: str, files: dict[str, str | bytes], count: int, **settings: str) -> list[float]:
    """Return the time of the first invocation of `count` versions that have never run."""
    caller = Caller(ingle)
    numbers = versions(ingle, name, files, count + 1, **settings)
    touch_memory()
    caller.invoke(name, numbers[0])  # the zygote of this runtime is there from now on
    return [caller.invoke(name, number) for number in numbers[1:]]


def measure_further(ingle: Ingle, count: int) -> list[float]:
    """Return the time of invocations that each need one more environment of a version that runs already."""
    ingle.deploy("further", {"app.py": SLEEPER}, Timeout=120)
    caller, times = Caller(ingle), []
    sleepers = []
    touch_memory()
    for _ in range(count + 1):
        time.sleep(_REFILL_S)
        times.append(caller.invoke("further", "%24LATEST"))
        sleepers.append(Caller(ingle))  # which takes the environment that has just answered
        sleepers[-1].occupy("further")
    return times[1:]


def by_hand(command: list[str], count: int) -> list[float]:
    """Return the milliseconds that starting an interpreter with its runtime client takes, with no isolation."""
    times = []
    for _ in range(count):
        started = time.perf_counter()
        subprocess.run(command, check=True, env={"PYTHONPATH": os.fspath(ROOT / ".runtimes" / "python3.11")})
        times.append((time.perf_counter() - started) * 1e3)
    return times


def row(what: str, times: list[float], promise: str) -> tuple[str, ...]:
    ordered = sorted(times)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return what, f"{statistics.median(times):.1f}", f"{p99:.1f}", str(len(times)), promise


def main(count: int = 100) -> None:
    """Print the table."""
    large: dict[str, str | bytes] = {"data.bin": os.urandom(5 << 20)}
    rows = []
    with running_ingle() as ingle:
        for what, promise, act in cases(ingle, large, count):
            rows.append(row(what, act(), promise))
    plain = by_hand([sys.executable, "-c", "import awslambdaric.bootstrap"], 20)
    rows.append(row("python3.11 -c 'import awslambdaric.bootstrap', no Lambda at all", plain, ""))
    print_table("Cold starts, in milliseconds", ("what", "median", "p99", "starts", "promise"), rows)


def cases(ingle: Ingle, large: dict[str, str | bytes], count: int) -> list[tuple[str, str, Callable[[], list[float]]]]:
    """Return what is measured: its name, what is promised, how."""
    hello: dict[str, str | bytes] = {"app.py": ECHO}
    node = [one.name for one in find_runtimes(os.fspath(ROOT / ".runtimes")) if one.name.startswith("nodejs")]
    measured: list[tuple[str, str, Callable[[], list[float]]]] = [
        ("Python hello, from the pool", "4 / 15", lambda: measure_further(ingle, count)),
        ("Python hello, sealed ciphertext only", "12 / 40", lambda: measure(ingle, "hello", hello, count)),
        ("Python with a 5 MB artifact, sealed", "30", lambda: measure(ingle, "large", {**hello, **large}, count // 4)),
    ]
    for runtime in node:
        measured.append((f"{runtime} hello, sealed ciphertext only", "", lambda: measure(
            ingle, "node", {"index.js": NODE}, count // 4, runtime=runtime, Handler="index.handler")))  # fmt: skip  # noqa: B023
    return measured


if __name__ == "__main__":
    main()
