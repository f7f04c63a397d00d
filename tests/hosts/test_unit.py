"""Ingle as a systemd unit: start, groups, stop under load, crashes, and settings of the unit that cannot work."""

import concurrent.futures
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import belongings
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle
from tests.hosts.installation import CONTROL_GROUP, SOURCE, install, installed, journal, state, systemctl, wait_for


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[Ingle]:
    """Yield the unit's Ingle with a function `f`, started with some settings of the unit changed; stop it afterwards."""
    install(**settings)
    systemctl("start", "ingle.service")
    try:
        ingle = installed()
        with contextlib.suppress(ClientError):
            ingle.deploy("f", {"app.py": SOURCE}, Timeout=120)
        yield ingle
    finally:
        systemctl("stop", "ingle.service", check=False)


def invoke(ingle: Ingle, event: Any = None) -> Any:
    return json.loads(ingle.client().invoke(FunctionName="f", Payload=json.dumps(event).encode())["Payload"].read())


def answers(ingle: Ingle) -> bool:
    try:
        return invoke(ingle) is None
    except (ClientError, BotoCoreError):
        return False


def processes_of_the_unit() -> list[str]:
    return [pid for file in CONTROL_GROUP.rglob("cgroup.procs") for pid in file.read_text().split()]


def test_a_started_unit_serves_in_the_full_sandbox_and_says_so() -> None:
    with serving() as ingle:
        assert ingle.is_healthy()
        assert invoke(ingle, 0) == 0
        assert "sandbox (" in journal()


def test_functions_count_into_the_units_control_group() -> None:
    with serving() as ingle, concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(invoke, ingle, 5)
        wait_for(lambda: any(file.read_text() for file in groups_with_a_limit()), "a group with a limit in the unit's")
        assert list(Path("/sys/fs/cgroup").glob("ingle*")) == []
        assert (CONTROL_GROUP / "cgroup.procs").read_text() == ""
        programs = belongings.programs(ingle).values()
        assert {str(pid) for pid in programs} < set((CONTROL_GROUP / "supervisor/cgroup.procs").read_text().split())
        assert "limits by control groups in system.slice/ingle.service" in journal()
        assert running.result() == 5
    assert [str(path) for path in Path("/sys/fs/cgroup").rglob("ingle-*")] == []


def groups_with_a_limit() -> list[Path]:
    return [file.with_name("cgroup.procs") for file in CONTROL_GROUP.rglob("memory.max") if file.read_text() != "max\n"]


@contextlib.contextmanager
def stopped_under_load(ingle: Ingle) -> Iterator[list["concurrent.futures.Future[Any]"]]:
    """Yield two invocations during which the unit was stopped."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        assert invoke(ingle, 0) == 0
        running = [pool.submit(invoke, ingle, seconds) for seconds in (20, 40)]
        wait_for(lambda: len([f for f in groups_with_a_limit() if f.read_text()]) >= 2, "two invocations under way")
        systemctl("stop", "ingle.service")
        yield running
    assert state("ActiveState") == "inactive"
    assert processes_of_the_unit() == []


def test_a_stop_under_load_cuts_no_invocation() -> None:
    with serving() as ingle, stopped_under_load(ingle) as running:
        assert [one.result() for one in running] == [20, 40]


def test_what_a_stop_of_every_process_cuts_is_the_platforms_error() -> None:
    with serving(KillMode="control-group") as ingle, stopped_under_load(ingle) as running:
        for one, answer in zip(running, (20, 40), strict=True):
            try:
                assert one.result() == answer
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ServiceException"


@pytest.mark.parametrize("program", ["control", "gateway", "worker", "spawner"])
def test_a_program_that_is_killed_comes_back(program: str) -> None:
    with serving() as ingle:
        assert answers(ingle)
        before = belongings.programs(ingle)[program]
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: belongings.programs(ingle)[program] != before and answers(ingle), f"a new {program}")
        assert state("NRestarts") == "0"


def test_an_ingle_that_is_killed_is_started_again_and_has_kept_everything() -> None:
    with serving() as ingle:
        assert answers(ingle)
        main = int(state("MainPID"))
        os.kill(main, signal.SIGKILL)
        wait_for(lambda: int(state("MainPID")) not in (0, main) and answers(ingle), "another Ingle")
        assert [one["FunctionName"] for one in ingle.client().list_functions()["Functions"]] == ["f"]


def test_an_ingle_of_which_every_process_is_killed_is_started_again() -> None:
    with serving() as ingle:
        assert answers(ingle)
        main = int(state("MainPID"))
        systemctl("kill", "--signal=KILL", "ingle.service")
        wait_for(lambda: int(state("MainPID")) not in (0, main) and answers(ingle), "another Ingle")


def test_a_unit_that_protects_control_groups_ends_with_the_reason() -> None:
    install(ProtectControlGroups="yes")
    systemctl("start", "ingle.service", check=False)
    wait_for(lambda: state("ActiveState") == "failed", "the unit's failure")
    assert "ProtectControlGroups" in journal()
    assert (state("ExecMainStatus"), state("NRestarts")) == ("78", "0")
    systemctl("reset-failed", "ingle.service")
