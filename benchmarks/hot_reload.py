"""`ingle watch`: from the moment that a file is saved until an invocation answers with it.

The function is invoked again and again from the save on; what counts is when the first answer of the new code is here.
The trees are a handler, and a handler among so many modules and so much data as a package with dependencies has.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from harness import INGLE, Ingle, print_table, running_ingle

_HANDLER = "def handler(event, context):\n    return {number}\n"
TREES = (("one file", 0, 0, "100"), ("500 files, 5 MB", 500, 10_000, ""), ("1,000 files, 30 MB", 1000, 30_000, ""))


@contextlib.contextmanager
def watching(ingle: Ingle, directory: Path, name: str) -> Iterator[None]:
    """Run `ingle watch` on a directory."""
    command = [os.fspath(INGLE), "watch", os.fspath(directory), "--name", name, "--data", os.fspath(ingle.data_dir)]
    told = directory.parent / f"{name}.out"  # it prints the function's log, which nobody reads here
    with told.open("w") as output:
        process = subprocess.Popen(command, stdout=output)
    try:
        while "watching" not in told.read_text():
            assert process.poll() is None, "ingle watch has ended"
            time.sleep(0.01)
        time.sleep(0.5)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def measure(ingle: Ingle, name: str, files: int, file_bytes: int, rounds: int) -> list[float]:
    """Return the milliseconds of each round."""
    client = ingle.client()
    times = []
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, name)
        (directory / "package").mkdir(parents=True)
        (directory / "app.py").write_text(_HANDLER.format(number=0))
        for number in range(files):
            (directory / "package" / f"module{number}.py").write_bytes(os.urandom(file_bytes))
        with watching(ingle, directory, name):
            for number in range(1, rounds + 1):
                saved = time.perf_counter()
                (directory / "app.py").write_text(_HANDLER.format(number=number))
                while client.invoke(FunctionName=name)["Payload"].read() != b"%d" % number:
                    time.sleep(0.001)
                times.append((time.perf_counter() - saved) * 1e3)
                time.sleep(0.2)
    return times


def main(rounds: int = 20) -> None:
    """Print the table."""
    rows = []
    with running_ingle() as ingle:
        for number, (what, files, file_bytes, promise) in enumerate(TREES):
            times = measure(ingle, f"watched{number}", files, file_bytes, rounds)
            rows.append((what, f"{statistics.median(times):.0f}", f"{max(times):.0f}", promise))
    print_table(
        "From a saved file to the first answer of it, in milliseconds", ("tree", "median", "worst", "promise"), rows
    )


if __name__ == "__main__":
    main()
