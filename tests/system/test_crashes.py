"""Kill -9 of any program, SIGTERM with work in flight, and what 500 environments leave behind."""

import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle, running_ingle

SOURCE = """
import os, time
def handler(event, context):
    if event == "die":
        os._exit(1)
    if isinstance(event, (int, float)):
        time.sleep(event)
    return os.getpid()
"""


@pytest.fixture
def own() -> Iterator[Ingle]:
    """An Ingle of the test's own, with a function `f`."""
    with running_ingle() as running:
        running.deploy("f", {"app.py": SOURCE}, Timeout=20)
        yield running


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Poll until `condition` gives something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def pids(ingle: Ingle) -> dict[str, int]:
    return dict(json.loads((ingle.data_dir / "run" / "programs.json").read_text()))


def answers(ingle: Ingle, event: Any = None) -> bool:
    try:
        answer = ingle.client().invoke(FunctionName="f", Payload=json.dumps(event).encode())
    except (ClientError, BotoCoreError):
        return False
    return "FunctionError" not in answer


@pytest.mark.parametrize("program", ["control", "gateway", "worker", "spawner"])
def test_a_program_that_is_killed_comes_back_and_nothing_acknowledged_is_lost(own: Ingle, program: str) -> None:
    assert answers(own)
    client = own.client()
    made = client.publish_version(FunctionName="f")["Version"]
    before = pids(own)
    os.kill(before[program], signal.SIGKILL)
    wait_for(lambda: pids(own)[program] != before[program], f"a new {program}")
    wait_for(own.is_healthy, "health")
    wait_for(lambda: answers(own), "an answer")
    versions = own.client().list_versions_by_function(FunctionName="f")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", made]
    others = {name: pid for name, pid in pids(own).items() if name != program}
    assert others == {name: pid for name, pid in before.items() if name != program}


def test_a_killed_spawner_leaves_no_orphan_to_its_successor(own: Ingle) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: without it there are no cgroups to find orphans by")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(answers, own, 15)
        wait_for(lambda: busy(own), "a busy environment")
        old = environments(own)
        spawner = pids(own)["spawner"]
        os.kill(spawner, signal.SIGKILL)
        wait_for(lambda: pids(own)["spawner"] != spawner, "a new spawner")
        assert running.result(timeout=10) is False
    wait_for(own.is_healthy, "health")
    assert {state(str(pid)) for pid in old} <= {"", "Z"}  # the host's init may not have reaped them yet
    assert answers(own)


def environments(ingle: Ingle) -> list[int]:
    """Return the host's ids of the processes in environments that belong to somebody: blank ones have no limits yet."""
    from ingle.app.config import cgroup_name

    root = Path("/sys/fs/cgroup")
    parent = root if (root / "cgroup.controllers").exists() else root / "pids"
    folder = parent / cgroup_name(ingle.data_dir)
    limits = [(file.parent, file.read_text().strip()) for file in folder.glob("*/pids.max")]
    owned = [group for group, limit in limits if limit != "max"]
    return [int(pid) for group in owned for pid in (group / "cgroup.procs").read_text().split()]


def test_sigterm_lets_invocations_in_flight_finish_and_takes_no_new_ones(own: Ingle) -> None:
    assert answers(own)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = [pool.submit(answers, own, 2) for _ in range(3)]
        wait_for(lambda: len(busy(own)) >= 3, "three busy environments")
        own.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)  # the point: a request that comes after the signal
        assert not answers(own)
        assert [one.result(timeout=10) for one in running] == [True, True, True]
    assert own.process.wait(20) == 0


def busy(ingle: Ingle) -> list[int]:
    """Return the runtimes that sleep in the handler: in the test's function only those have begun to serve."""
    try:
        return [pid for pid in environments(ingle) if "nanosleep" in Path(f"/proc/{pid}/wchan").read_text()]
    except OSError:
        return []


def test_a_create_that_was_acknowledged_survives_the_death_of_everything() -> None:
    with running_ingle() as first:
        first.deploy("f", {"app.py": SOURCE})
        client = first.client()
        for number in range(5):
            client.update_function_configuration(FunctionName="f", Description=str(number))
            client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.02})
        for pid in (first.process.pid, *pids(first).values()):
            with contextlib.suppress(ProcessLookupError):  # some die with the first
                os.kill(pid, signal.SIGKILL)
        first.process.wait()
        again = Ingle(first.data_dir)
        again.start()
        try:
            assert again.client().get_function_configuration(FunctionName="f")["Description"] == "4"
            assert answers(again)
        finally:
            again.stop()


class Traces:
    """What environments could leave behind on the host."""

    def __init__(self) -> None:
        self.zombies = sum(state(pid) == "Z" for pid in os.listdir("/proc") if pid.isdigit())
        self.mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
        walked = os.walk("/sys/fs/cgroup")  # which minds no group that goes meanwhile
        self.groups = sum(folder.split("/")[-2].startswith("ingle-") for folder, _, _ in walked)
        self.loops = sum((path / "backing_file").exists() for path in Path("/sys/block").glob("loop*/loop"))
        listed = subprocess.run(["lsns", "-rno", "NS"], capture_output=True, text=True, check=True)
        self.namespaces = len(listed.stdout.split())
        self.processes = sum(name.isdigit() for name in os.listdir("/proc") if name.isdigit() and not kernel(name))

    def exceed(self, before: "Traces") -> dict[str, tuple[int, int]]:
        """Return what there is more of than before, as (now, before)."""
        then = vars(before)
        return {name: (count, then[name]) for name, count in vars(self).items() if count > then[name]}


def settled() -> Traces:
    """Return the traces once they stay as they are: another Ingle of these tests may be refilling its pool."""
    found = Traces()
    for _ in range(10):
        time.sleep(1)
        before, found = found, Traces()
        if vars(before) == vars(found):
            break
    return found


def state(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def kernel(pid: str) -> bool:
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


@pytest.mark.alone
@pytest.mark.timeout(240)
def test_500_environments_with_crashes_among_them_leave_nothing_behind() -> None:
    before = settled()
    with running_ingle() as own:
        client = own.client()
        for number in range(4):
            own.deploy(f"f{number}", {"app.py": SOURCE}, Timeout=3)
        for number in range(500):
            client.invoke(FunctionName=f"f{number % 4}", Payload=b'"die"' if number % 5 else b"null")
            if number % 5 == 0:
                client.invoke(FunctionName=f"f{number % 4}", Payload=b'"die"')
        own.stop()
        log = (own.data_dir / "programs.log").read_text()
        assert "Traceback" not in log, log
    wait_for(lambda: not Traces().exceed(before), f"{Traces().exceed(before)} to go away", 5)
