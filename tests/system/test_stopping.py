"""How an installation ends: by its supervisor's word alone, in order, whoever else is signalled, whatever has not begun."""

import concurrent.futures
import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from belongings import Belongings, descendants, groups, is_alive, members, programs
from botocore.exceptions import BotoCoreError, ClientError
from harness import INGLE, Ingle, free_port, running_ingle
from tests.system.test_crashes import wait_for

SOURCE = """
import time
def handler(event, context):
    if event:
        print("began", flush=True)
        time.sleep(event)
    return "answered"
"""


def invoke(ingle: Ingle, event: Any = None) -> Any:
    """Return what a function answers, or the name of the error."""
    try:
        answer = ingle.client().invoke(FunctionName="f", Payload=json.dumps(event).encode())
    except ClientError as error:
        return error.response["Error"]["Code"]
    except BotoCoreError as error:
        return type(error).__name__
    return json.loads(answer["Payload"].read())


def busy(ingle: Ingle) -> int:
    """Return how many environments serve; -1 where nobody tells now."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
            return sum(one["state"] == "busy" for one in json.loads(answer.read()))
    except OSError:
        return -1


@contextlib.contextmanager
def in_flight(ingle: Ingle, event: float) -> Iterator["concurrent.futures.Future[Any]"]:
    """Have an invocation run."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        running = pool.submit(invoke, ingle, event)
        wait_for(lambda: busy(ingle) == 1, "a busy environment")
        yield running


def test_sigterm_to_every_process_at_once_cuts_no_invocation_and_ends_everything() -> None:
    with running_ingle() as own:
        own.deploy("f", {"app.py": SOURCE}, Timeout=20)
        assert invoke(own) == "answered"
        belongings = Belongings(own)
        with in_flight(own, 1.5) as running:
            everybody = {own.process.pid, *descendants(own.process.pid)} - members(groups(own))
            for pid in everybody:
                os.kill(pid, signal.SIGTERM)
            assert running.result(timeout=20) == "answered"
        assert own.process.wait(20) == 0
        wait_for(lambda: not belongings.left(), str(belongings.left()), 5)
        assert "Traceback" not in (own.data_dir / "programs.log").read_text()


def test_programs_heed_no_signal_but_the_supervisors_word() -> None:
    with running_ingle() as own:
        own.deploy("f", {"app.py": SOURCE})
        before = programs(own)
        for pid in descendants(own.process.pid) - members(groups(own)):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(pid, number)
        assert invoke(own) == "answered"
        assert programs(own) == before
        assert {os.getsid(pid) for pid in before.values()} == set(before.values())


IN_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_ctrl_c_in_a_terminal_cuts_no_invocation() -> None:
    terminal, its_end = pty.openpty()
    with running_ingle(prefix=(sys.executable, "-c", IN_A_TERMINAL), stdin=its_end) as own:
        own.deploy("f", {"app.py": SOURCE}, Timeout=20)
        assert invoke(own) == "answered"
        everybody = descendants(own.process.pid)
        with in_flight(own, 1.5) as running:
            os.write(terminal, b"\x03")
            assert running.result(timeout=20) == "answered"
        assert own.process.wait(20) == 0
        assert not [pid for pid in everybody if is_alive(pid)]
    os.close(terminal)
    os.close(its_end)


def test_the_death_of_the_supervisor_ends_everything() -> None:
    with running_ingle() as own:
        own.deploy("f", {"app.py": SOURCE})
        assert invoke(own) == "answered"
        belongings = Belongings(own)
        own.process.kill()
        own.process.wait()
        wait_for(lambda: not belongings.left(), str(belongings.left()), 10)


def test_an_invocation_that_the_platform_cuts_is_the_platforms_error() -> None:
    with running_ingle("--event-retry", "0.2") as own:
        own.deploy("f", {"app.py": SOURCE}, Timeout=20)
        client = own.client()
        client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
        assert invoke(own) == "answered"
        spawner = programs(own)["spawner"]
        with in_flight(own, 4) as running:
            client.invoke(FunctionName="f", InvocationType="Event", Payload=b"2")
            wait_for(lambda: busy(own) == 2, "the event to run")
            os.kill(spawner, signal.SIGKILL)
            assert running.result(timeout=20) == "ServiceException"
        wait_for(lambda: busy(own) == 1, "the event to run again, though no retry is allowed")
        wait_for(lambda: busy(own) == 0, "its end")


def test_sigterm_to_functions_as_well_as_programs_is_the_platforms_cut() -> None:
    with running_ingle("--event-retry", "0.2") as own:
        own.deploy("f", {"app.py": SOURCE}, Timeout=20)
        client = own.client()
        client.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
        assert invoke(own) == "answered"
        worker = programs(own)["worker"]
        with in_flight(own, 4) as running:
            client.invoke(FunctionName="f", InvocationType="Event", Payload=b"2")
            wait_for(lambda: busy(own) == 2, "the event to run")
            for pid in [*members(groups(own)), worker]:
                os.kill(pid, signal.SIGTERM)
            assert running.result(timeout=20) == "ServiceException"
        wait_for(lambda: busy(own) == 1, "the event to run again, though no retry is allowed")
        wait_for(lambda: busy(own) == 0, "its end")


def test_a_function_that_ends_itself_by_sigterm_is_told_so() -> None:
    with running_ingle() as own:
        own.deploy("f", {"app.py": "import os\ndef handler(event, context):\n    os.kill(os.getpid(), 15)\n"})
        assert invoke(own)["errorMessage"].endswith("Runtime exited with error: signal: terminated")


def start(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [str(INGLE), "up", "--data", str(folder / "data"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("moment_s", [0.6, 1.2])
def test_sigterm_during_the_start_ends_it_at_once(moment_s: float, folder: Path) -> None:
    process = start(folder, "--port", str(free_port()))
    time.sleep(moment_s)
    known = descendants(process.pid)
    process.terminate()
    process.wait(4)  # two seconds, and as much again for a machine that is busy
    wait_for(lambda: not [pid for pid in known if is_alive(pid)], "the end of what it started", 2)
    process.communicate()


def test_what_can_not_start_can_be_stopped(folder: Path) -> None:
    """A control that never comes to serve keeps nobody."""
    process = start(folder, "--port", str(free_port()))
    run = folder / "data" / "run" / "programs.json"
    wait_for(lambda: run.exists() or process.poll() is not None, "programs")
    assert process.poll() is None, process.communicate()
    control = wait_for(lambda: json.loads(run.read_text()).get("control"), "control")
    os.kill(control, signal.SIGSTOP)
    time.sleep(0.3)
    process.terminate()
    process.wait(5)
    process.communicate()
