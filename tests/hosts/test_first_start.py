"""The first hour on a stock host: `make demo` and `ingle doctor`, nothing prepared by hand, no module loaded."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import INGLE, ROOT

IS_ROOT = os.geteuid() == 0
ISOLATION = "sandbox" if IS_ROOT else "sandbox-rootless"


@contextlib.contextmanager
def demo() -> Iterator["subprocess.Popen[str]"]:
    """Yield a running `make demo` in a process group of its own; end it with Ctrl-C's signal."""
    process = subprocess.Popen(
        ["make", "demo"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.communicate()


def output_until(process: "subprocess.Popen[str]", end: str) -> str:
    """Return what a process prints up to the line with `end`, or all of it where none has it."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if end in line:
            break
    return text


@pytest.fixture(scope="module")
def shown() -> str:
    with demo() as process:
        return output_until(process, "Serving until Ctrl-C")


def test_the_demo_deploys_and_invokes(shown: str) -> None:
    assert "answered" in shown and "Serving until Ctrl-C" in shown, shown


def test_the_demo_runs_in_the_strongest_isolation_of_its_user(shown: str) -> None:
    assert f"{ISOLATION} (" in shown, shown


@pytest.mark.usefixtures("shown")
def test_nothing_is_left_of_an_ingle_that_ended() -> None:
    assert [str(path) for path in Path("/sys/fs/cgroup").rglob("ingle-*")] == []
    assert "ingle" not in subprocess.run(["losetup", "--list"], capture_output=True, text=True, check=True).stdout


def test_doctor_tells_of_that_isolation() -> None:
    said = subprocess.run([INGLE, "doctor"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "130"})
    assert said.returncode == 0, said.stdout + said.stderr
    assert f"isolation: {ISOLATION} (" in said.stdout
