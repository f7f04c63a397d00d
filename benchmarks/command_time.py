"""How long each `ingle` command takes on the wall, beside the AWS CLI's call for the same thing."""

import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness import ECHO, INGLE, Ingle, print_table, running_ingle

PROMISE_S = 0.25


def measure(command: Sequence[str], environment: dict[str, str], rounds: int) -> tuple[float, float]:
    """Return the medians of the seconds that a command takes on the wall, and of a processor."""
    walls, processors = [], []
    for _ in range(rounds):
        started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment, capture_output=True, check=True)
        walls.append(time.perf_counter() - started)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime)
    return statistics.median(walls), statistics.median(processors)


def render(times: tuple[float, float]) -> tuple[str, str]:
    """Return both figures for the table."""
    return f"{times[0]:.2f}", f"{times[1]:.2f}"


def commands(directory: Path) -> list[tuple[list[str], list[str]]]:
    """Return the commands to measure, each with the AWS CLI's."""
    named = ["--function-name", "timed"]
    tail = ["--payload", "{}", os.devnull]
    return [
        (["env"], []),
        (["list"], ["lambda", "list-functions"]),
        (["invoke", "timed"], ["lambda", "invoke", *named, *tail]),
        (["logs", "timed"], ["logs", "filter-log-events", "--log-group-name", "/aws/lambda/timed"]),
        (["deploy", os.fspath(directory), "--name", "timed"], ["lambda", "get-function-configuration", *named]),
        (["top", "--once"], []),
        (["--version"], ["--version"]),
        (["--help"], []),
    ]


def environment_of(ingle: Ingle) -> dict[str, str]:
    """Return variables that point both clients at an installation."""
    held = ingle.credentials
    return {
        **os.environ,
        "INGLE_DATA": os.fspath(ingle.data_dir),
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ingle.port}",
        "AWS_ACCESS_KEY_ID": held["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": held["secret_access_key"],
        "AWS_DEFAULT_REGION": held["region"],
    }


def main(rounds: int = 5) -> None:
    """Print the table."""
    rows = []
    aws = INGLE.parent / "aws"
    with running_ingle() as ingle, tempfile.TemporaryDirectory() as folder:
        ingle.announcement()
        (Path(folder) / "app.py").write_text(ECHO)
        environment = environment_of(ingle)
        ingle.deploy("timed", {"app.py": ECHO})
        for ours, theirs in commands(Path(folder)):
            took = render(measure([os.fspath(INGLE), *ours], environment, rounds))
            beside = render(measure([os.fspath(aws), *theirs], environment, rounds)) if theirs else ("", "")
            rows.append((f"`ingle {ours[0]}`", *took, *beside, f"{PROMISE_S:.2f}"))
    columns = ("command", "takes", "of a processor", "`aws` beside it", "of a processor", "promise")
    print_table("A command, in seconds, median", columns, rows)


if __name__ == "__main__":
    main()
