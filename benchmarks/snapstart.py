"""SnapStart against plain init, and isolated invocations against warm ones, from the request's arrival to its answer.

The function imports boto3 and numpy, makes a client and a generator, as many do. A restore is measured as one more
environment of a version that runs already, while all its others are busy, from a filled pool; so is the plain init.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cold_start import Caller, row
from harness import Ingle, print_table, running_ingle, touch_memory, zip_of

_REFILL_S = 0.15
_ON = {"ApplyOn": "PublishedVersions"}
LARGE = """
import time
import boto3
import numpy
client = boto3.client("s3", region_name="eu-west-1")
weights = numpy.arange(10000.0)
def handler(event, context):
    time.sleep(event or 0)
    return event
"""
SMALL = "import time\ndef handler(event, context):\n    time.sleep(event or 0)\n    return event\n"


def with_libraries(code: str) -> bytes:
    """Return the zip of a function with boto3 and numpy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", folder]
        subprocess.run([*command, "boto3", "numpy"], check=True)
        kept = [path for path in Path(folder).rglob("*") if path.is_file() and not _is_left_out(path)]
        libraries: dict[str, str | bytes] = {str(path.relative_to(folder)): path.read_bytes() for path in kept}
        return zip_of({"app.py": code, **libraries}, compress=True)


def deploy(ingle: Ingle, name: str, content: bytes, **settings: Any) -> None:
    """Create a function and wait until it is active."""
    client = ingle.client()
    client.create_function(
        FunctionName=name, Runtime="python3.11", Handler="app.handler", Code={"ZipFile": content}, Timeout=120,
        MemorySize=512, Role="arn:aws:iam::000000000000:role/benchmark", **settings,
    )  # fmt: skip
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})


def _is_left_out(path: Path) -> bool:
    return path.suffix in (".pyc", ".pyi") or "tests" in path.parts


def publish(ingle: Ingle, name: str) -> str:
    """Publish a version and return its number once it is active."""
    client = ingle.client()
    number = str(client.publish_version(FunctionName=name)["Version"])
    while (shown := client.get_function_configuration(FunctionName=name, Qualifier=number))["State"] == "Pending":
        time.sleep(0.05)
    if shown["State"] != "Active":
        raise RuntimeError(shown["StateReason"])
    return number


def starts(ingle: Ingle, name: str, qualifier: str, count: int) -> list[float]:
    """Return the time of invocations that each need one more environment."""
    caller, times, busy = Caller(ingle), [], []
    touch_memory()
    for _ in range(count + 1):
        time.sleep(_REFILL_S)
        times.append(caller.invoke(name, qualifier))
        busy.append(Caller(ingle))
        busy[-1].occupy(name, qualifier)
    return times[1:]


def calls(ingle: Ingle, name: str, count: int) -> list[float]:
    """Return the time of invocations one after the other."""
    caller = Caller(ingle)
    caller.invoke(name, "%24LATEST")
    return [caller.invoke(name, "%24LATEST") for _ in range(count)]


def main(count: int = 30) -> None:
    """Print the table."""
    large, small = with_libraries(LARGE), zip_of({"app.py": SMALL})
    rows = []
    with running_ingle() as ingle:
        deploy(ingle, "plain", large)
        deploy(ingle, "snapped", large, SnapStart=_ON)
        deploy(ingle, "small-snapped", small, SnapStart=_ON)
        deploy(ingle, "warm", small)
        deploy(ingle, "isolated", small, Tags={"ingle:isolation": "invocation"})
        number = publish(ingle, "plain")
        plain = starts(ingle, "plain", number, count // 3)
        restored = starts(ingle, "snapped", publish(ingle, "snapped"), count)
        rows.append(row("boto3 and numpy, plain init", plain, ""))
        rows.append(row("the same, restored", restored, "6"))
        hello = starts(ingle, "small-snapped", publish(ingle, "small-snapped"), count)
        rows.append(row("a hello, restored", hello, ""))
        rows.append(row("a hello, warm", calls(ingle, "warm", 10 * count), ""))
        rows.append(row("a hello, isolated", calls(ingle, "isolated", 10 * count), "warm + 4"))
    print_table("SnapStart and isolated invocations, in milliseconds", ("what", "median", "p99", "n", "promise"), rows)
    ratio = statistics.median(plain) / statistics.median(restored)
    sys.stdout.write(f"\nA restore is {ratio:.0f} times as fast as the plain init (promise: 50).\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
