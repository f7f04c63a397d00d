"""Kill -9 of any program, SIGTERM with work in flight, and what 500 environments leave behind."""

import concurrent.futures
import contextlib
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from belongings import Belongings, groups, is_alive, members, programs
from botocore.exceptions import BotoCoreError, ClientError
from harness import TIME_SCALE, Ingle, running_ingle

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
    end = time.monotonic() + seconds * TIME_SCALE
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


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
    before = programs(own)
    os.kill(before[program], signal.SIGKILL)
    wait_for(lambda: programs(own)[program] != before[program], f"a new {program}")
    wait_for(own.is_healthy, "health")
    wait_for(lambda: answers(own), "an answer")
    versions = own.client().list_versions_by_function(FunctionName="f")["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", made]
    others = {name: pid for name, pid in programs(own).items() if name != program}
    assert others == {name: pid for name, pid in before.items() if name != program}


def test_a_killed_spawner_leaves_no_orphan_to_its_successor(own: Ingle) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: without it there are no cgroups to find orphans by")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        running = pool.submit(answers, own, 15)
        wait_for(lambda: busy(own), "a busy environment")
        old = environments(own)
        spawner = programs(own)["spawner"]
        os.kill(spawner, signal.SIGKILL)
        wait_for(lambda: programs(own)["spawner"] != spawner, "a new spawner")
        assert running.result(timeout=10) is False
    wait_for(own.is_healthy, "health")
    assert not any(is_alive(pid) for pid in old)  # the host's init may not have reaped them yet
    assert answers(own)


def environments(ingle: Ingle) -> list[int]:
    """Return the host's ids of the processes in environments that belong to somebody: blank ones have no limits yet."""
    limits = {file.parent: file.read_text().strip() for group in groups(ingle) for file in group.glob("pids.max")}
    return sorted(members([group for group, limit in limits.items() if limit != "max"]))


def test_many_idle_environments_delay_no_recovery_and_are_gone_afterwards() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: without it there are no cgroups to find orphans by")
    with running_ingle() as own:
        own.deploy("f", {"app.py": SOURCE}, Timeout=20)
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            assert all(pool.map(lambda _: answers(own, 1.5), range(12)))
        old = set(wait_for(lambda: all_frozen(own) and environments(own), "frozen environments"))
        assert len(old) >= 24  # an init and a runtime each
        began, spawner = time.monotonic(), programs(own)["spawner"]
        os.kill(spawner, signal.SIGKILL)
        wait_for(lambda: programs(own)["spawner"] != spawner, "a new spawner")
        wait_for(lambda: answers(own), "an answer")
        assert (
            time.monotonic() - began < 10 * TIME_SCALE
        )  # 2 s on a quiet machine, where each would take 3 s one after the other
        assert not [pid for pid in old if is_alive(pid)]
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            assert all(pool.map(lambda _: answers(own, 1.0), range(6)))
        belongings = Belongings(own)
        os.kill(programs(own)["spawner"], signal.SIGKILL)
        own.stop()
        wait_for(lambda: not belongings.left(), str(belongings.left()), 5)


def all_frozen(ingle: Ingle) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{ingle.port}/environments") as answer:
        states = [one["state"] for one in json.loads(answer.read())]
    return bool(states) and set(states) == {"frozen"}


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
        for pid in (first.process.pid, *programs(first).values()):
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


@pytest.mark.timeout(240 * TIME_SCALE)
def test_500_environments_with_crashes_among_them_leave_nothing_behind() -> None:
    with running_ingle() as own:
        client = own.client()
        for number in range(4):
            own.deploy(f"f{number}", {"app.py": SOURCE}, Timeout=3)
        for number in range(500):
            client.invoke(FunctionName=f"f{number % 4}", Payload=b'"die"' if number % 5 else b"null")
            if number % 5 == 0:
                client.invoke(FunctionName=f"f{number % 4}", Payload=b'"die"')
        belongings = Belongings(own)
        assert belongings.zombies() == []
        own.stop()
        log = (own.data_dir / "programs.log").read_text()
        assert "Traceback" not in log, log
        wait_for(lambda: not belongings.left(), str(belongings.left()), 5)
