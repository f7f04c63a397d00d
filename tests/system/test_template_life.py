"""Templates end with their worker, their zygote and their version, and are made again where they are wanted."""

import contextlib
import json
import os
import platform
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from belongings import descendants, groups, members, programs
from botocore.exceptions import BotoCoreError, ClientError
from harness import Ingle, running_ingle, zip_of

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")
CODE = """
import time, uuid
from snapshot_restore_py import register_after_restore
BORN = uuid.uuid4().hex
time.sleep(0.3)
hooks = []
register_after_restore(lambda: hooks.append("after"))
def handler(event, context):
    return [BORN, hooks]
"""
ON = {"ApplyOn": "PublishedVersions"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingle]:
    """An Ingle whose programs may be killed, with a version of a function."""
    with running_ingle() as running:
        running.client().create_function(
            FunctionName="f", Runtime="python3.11", Handler="app.handler", Publish=True, SnapStart=ON,
            Role="arn:aws:iam::000000000000:role/test", Code={"ZipFile": zip_of({"app.py": CODE})},
        )  # fmt: skip
        wait_for(lambda: state(running, "1") == ("Active", "On"))
        yield running


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Poll until `condition` gives something true, and return that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(ClientError, BotoCoreError, OSError):
            if found := condition():
                return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def state(ingle: Ingle, version: str) -> tuple[str, str]:
    shown = ingle.client().get_function_configuration(FunctionName="f", Qualifier=version)
    return shown["State"], shown["SnapStart"]["OptimizationStatus"]


def answer(ingle: Ingle, version: str) -> Any:
    """Return what the function says; None where it says nothing."""
    answered = ingle.client().invoke(FunctionName="f", Qualifier=version)
    return None if "FunctionError" in answered else json.loads(answered["Payload"].read())


def kill_worker(ingle: Ingle) -> None:
    before = programs(ingle)["worker"]
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: programs(ingle)["worker"] != before and ingle.is_healthy())


def images(ingle: Ingle) -> int:
    """Return how many images of templates the worker holds."""
    held = []
    for path in Path(f"/proc/{programs(ingle)['worker']}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.append(str(path.readlink()))
    return sum("ingle-template" in name for name in held)


def test_a_template_that_is_gone_with_its_worker_is_made_again(own: Ingle) -> None:
    born, hooks = answer(own, "1")
    assert hooks == ["after"]
    kill_worker(own)
    again, hooks = wait_for(lambda: answer(own, "1"))
    assert (again != born, hooks, state(own, "1")) == (True, ["after"], ("Active", "On"))


def test_a_version_whose_worker_dies_while_it_initialises_becomes_active(own: Ingle) -> None:
    client = own.client()
    client.update_function_configuration(FunctionName="f", Description="another")
    client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    assert client.publish_version(FunctionName="f")["Version"] == "2"
    with pytest.raises(client.exceptions.SnapStartNotReadyException):
        client.invoke(FunctionName="f", Qualifier="2")
    kill_worker(own)
    wait_for(lambda: state(own, "2") == ("Active", "On"))
    assert answer(own, "2")[1] == ["after"]


@pytest.mark.skipif(os.geteuid() != 0, reason="without root, zygotes are in a user namespace of their own")
def test_an_image_of_a_zygote_that_is_gone_is_not_used(own: Ingle) -> None:
    born, _ = answer(own, "1")
    spawner = programs(own)["spawner"]
    for zygote in Path(f"/proc/{spawner}/task/{spawner}/children").read_text().split():
        os.kill(int(zygote), signal.SIGKILL)
    told = wait_for(
        lambda: [one for one in [answer(own, "1")] if one and one[0] != born]
    )  # once its forks are gone, too
    assert told[0][1] == ["after"]


def test_a_template_ends_with_its_version(own: Ingle) -> None:
    versions = own.client().list_versions_by_function(FunctionName="f")["Versions"][1:]
    wait_for(lambda: images(own) == len(versions))
    for left, version in reversed(list(enumerate(versions))):
        own.client().delete_function(FunctionName="f", Qualifier=version["Version"])
        wait_for(lambda left=left: images(own) == left)  # type: ignore[misc]


@pytest.mark.skipif(os.geteuid() != 0, reason="without root, zygotes are in a user namespace of their own")
@pytest.mark.parametrize("cut", ["zygote", "signal"])
def test_an_init_that_the_platform_cuts_fails_no_version(cut: str, own: Ingle) -> None:
    slow = CODE.replace("time.sleep(0.3)", f"print('{cut} may come', flush=True); time.sleep(2)")
    client, logs = own.client(), own.client("logs")
    client.update_function_code(FunctionName="f", ZipFile=zip_of({"app.py": slow}))
    client.get_waiter("function_updated_v2").wait(FunctionName="f", WaiterConfig={"Delay": 0.05, "MaxAttempts": 400})
    version = client.publish_version(FunctionName="f")["Version"]
    wait_for(lambda: logs.filter_log_events(logGroupName="/aws/lambda/f", filterPattern=f'"{cut} may come"')["events"])
    inside = members(groups(own))
    ended = descendants(programs(own)["spawner"]) - inside if cut == "zygote" else {*inside, programs(own)["worker"]}
    for pid in ended:
        os.kill(pid, signal.SIGKILL if cut == "zygote" else signal.SIGTERM)
    assert wait_for(lambda: state(own, version)[0] != "Pending" and state(own, version)) == ("Active", "On")
