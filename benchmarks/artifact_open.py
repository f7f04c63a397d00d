"""Opening a sealed artifact into memory: all of it verified and decrypted, against reading the same bytes in plain."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness import print_table

from ingle.artifacts import FileChunks, open_to_memfd, seal_object
from ingle.sealing import new_data_key

CONTEXT = {"aws:lambda:FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:benchmark"}


def milliseconds(act: Callable[[], None], rounds: int = 15) -> float:
    """Return the median time of `act`."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        act()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for mib in (1, 5, 29, 100):
            content = os.urandom(mib << 20)
            chunks, key, plain = FileChunks(Path(folder, "chunks")), new_data_key(), Path(folder, "plain")
            manifest = seal_object([content], key, CONTEXT, chunks)
            plain.write_bytes(content)
            sealed = milliseconds(lambda: os.close(open_to_memfd(manifest, key, CONTEXT, chunks)))  # noqa: B023
            read = milliseconds(lambda: copy_to_memory(plain))  # noqa: B023
            rows.append((f"{mib} MiB", f"{sealed:.1f}", f"{read:.1f}", f"{sealed / read:.1f}"))
    print_table("Opening an artifact, in milliseconds", ("size", "sealed", "plain file to memory", "ratio"), rows)


def copy_to_memory(path: Path) -> None:
    memory = os.memfd_create("plain")
    with path.open("rb") as file:
        while piece := file.read(512 * 1024):
            os.write(memory, piece)
    os.close(memory)


if __name__ == "__main__":
    main()
