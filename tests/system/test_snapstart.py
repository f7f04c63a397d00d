"""SnapStart: a published version is initialised once, and its environments are copies of it."""

import base64
import contextlib
import json
import platform
import time
from collections.abc import Iterator
from typing import Any

import pytest
from harness import ROOT, Ingle

from ingle.spawner.zygotes.templates import SINGLE_THREADED

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")

COPIED = """
import ctypes, os, random, signal, tempfile, time, uuid
import numpy.random
from snapshot_restore_py import register_after_restore, register_before_snapshot

BORN = uuid.uuid4().hex
AT_INIT = {name: os.environ.get(name) for name in THREADS}
hooks = []
served = 0
with open("/tmp/made-at-init", "w") as file:
    file.write("hello")
os.mkdir("/tmp/closed")
open("/tmp/closed/file", "w").close()
os.chmod("/tmp/closed", 0o500)
source = open("/var/task/app.py")
source.readline()
signal.signal(signal.SIGUSR1, lambda *_: hooks.append("signal"))
os.environ["SET_AT_INIT"] = "yes"

def openssl_random():  # as a library does that brings it along and knows nothing of `ssl`
    drawn = ctypes.create_string_buffer(8)
    try:
        ctypes.CDLL("libcrypto.so.3").RAND_bytes(drawn, 8)
    except OSError:
        drawn = ctypes.create_string_buffer(os.urandom(8))
    return drawn.raw.hex()

openssl_random()
tempfile.mkdtemp()

@register_before_snapshot
def before():
    hooks.append("before")

@register_after_restore
def after():
    hooks.append("after")

def handler(event, context):
    global served
    served += 1
    if event == "end":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(0.001)
    return {
        "born": BORN, "hooks": hooks, "served": served, "position": source.tell(), "threads_at_init": AT_INIT,
        "threads": {name: os.environ.get(name) for name in THREADS}, "tmp": open("/tmp/made-at-init").read(),
        "closed": os.listdir("/tmp/closed"),
        "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "set_at_init": os.environ.get("SET_AT_INIT"),
        "credentials": sorted(name for name in os.environ if "ACCESS_KEY" in name or "CONTAINER" in name),
        "stream": context.log_stream_name,
        "fresh": {
            "random": random.random(), "numpy": numpy.random.random(), "openssl": openssl_random(),
            "uuid": uuid.uuid4().hex, "tempfile": tempfile.mkdtemp(),
        },
    }
"""
# As numpy's module is: a generator for all that is seeded once, at import, and by seed().
NUMPY_RANDOM = "import random as r\n_g = r.Random()\nseed = _g.seed\nrandom = _g.random\n"
THREADED = """
import threading
from snapshot_restore_py import register_after_restore
restored = []
register_after_restore(lambda: restored.append("here"))
threading.Thread(target=threading.Event().wait, daemon=True).start()
def handler(event, context):
    return restored
"""
SENDS_ITSELF = """
import socket
def send(length):
    link = socket.create_connection(("127.0.0.1", 9001))
    link.sendall(f"POST /ingle/template HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: {length}\\r\\n\\r\\nimage".encode())
    return link
held = [send(1 << 20), send(5)]
answer = held[1].recv(12).decode()
def handler(event, context):
    return answer
"""
HOOK_FAILS = """
from snapshot_restore_py import register_after_restore
@register_after_restore
def after():
    raise KeyError("no connection")
def handler(event, context):
    return event
"""
ON = {"ApplyOn": "PublishedVersions"}


def publish(ingle: Ingle, files: dict[str, dict[str, str]]) -> dict[str, dict[str, Any]]:
    """Deploy functions with SnapStart, publish a version of each, and wait until these are ready or have failed."""
    client = ingle.client()
    for name, content in files.items():
        ingle.deploy(name, content, SnapStart=ON)
        client.publish_version(FunctionName=name)
    found: dict[str, dict[str, Any]] = {}
    until = time.monotonic() + 60
    while len(found) < len(files) and time.monotonic() < until:
        for name in files:
            shown = client.get_function_configuration(FunctionName=name, Qualifier="1")
            if shown["State"] != "Pending":
                found[name] = shown
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def published(ingle: Ingle) -> Iterator[dict[str, dict[str, Any]]]:
    """Versions with SnapStart, by their functions' names."""
    copied = COPIED.replace("THREADS", repr(SINGLE_THREADED))
    files = {
        "snap-copied": {"app.py": copied, "numpy/__init__.py": "", "numpy/random.py": NUMPY_RANDOM},
        "snap-threaded": {"app.py": THREADED},
        "snap-sends-itself": {"app.py": SENDS_ITSELF},
        "snap-hook-fails": {"app.py": HOOK_FAILS},
        "snap-init-fails": {"app.py": "raise ValueError('no table')"},
        "snap-example": {"app.py": (ROOT / "examples" / "snapstart" / "app.py").read_text()},
    }
    yield publish(ingle, files)
    for name in files:
        ingle.client().delete_function(FunctionName=name)


@pytest.fixture
def copied(functions: Any, published: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """What two copies of one template tell, the second after the first has been told to end."""
    told = []
    for event in ("go", "end", "go"):
        answer = functions.invoke(FunctionName="snap-copied:1", Payload=json.dumps(event))
        if event == "go":
            told.append(json.loads(answer["Payload"].read()))
        else:
            assert answer["FunctionError"] == "Unhandled"
    return told


def test_a_version_is_active_once_it_has_been_initialised(functions: Any, published: dict[str, dict[str, Any]]) -> None:
    shown = published["snap-copied"]
    assert (shown["State"], shown["SnapStart"]) == ("Active", {**ON, "OptimizationStatus": "On"})
    latest = functions.get_function_configuration(FunctionName="snap-copied")
    assert latest["SnapStart"] == {**ON, "OptimizationStatus": "Off"}


def test_environments_are_copies_with_their_templates_memory_tmp_files_and_hooks(copied: list[dict[str, Any]]) -> None:
    for told in copied:
        assert told["hooks"] == ["before", "after", "signal"]
        assert (told["served"], told["tmp"], told["position"] > 0, told["set_at_init"]) == (1, "hello", True, "yes")
        assert (told["type"], told["stream"], told["closed"]) == ("snap-start", None, ["file"])
        assert set(told["threads_at_init"].values()) == {"1"}
        assert set(told["threads"].values()) == {None}
    assert copied[0]["born"] == copied[1]["born"]


def test_a_snapshot_holds_no_credentials_but_where_to_get_them(copied: list[dict[str, Any]]) -> None:
    names = ["AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    assert copied[0]["credentials"] == names


def test_copies_differ_in_all_that_is_random(copied: list[dict[str, Any]]) -> None:
    for name, value in copied[0]["fresh"].items():
        assert value != copied[1]["fresh"][name], name


def test_a_restore_is_told_in_the_log_and_in_its_report(
    functions: Any, logs: Any, copied: list[dict[str, Any]]
) -> None:
    functions.invoke(FunctionName="snap-copied:1", Payload=json.dumps("end"))
    answer = functions.invoke(FunctionName="snap-copied:1", Payload=json.dumps("go"), LogType="Tail")
    report = base64.b64decode(answer["LogResult"]).decode()
    assert "Restore Duration: " in report and "Billed Restore Duration: " in report and "Init Duration" not in report
    until, told = time.monotonic() + 10, {""}
    starts = ("RESTORE_START Runtime Version: python:3.11", "RESTORE_REPORT Restore Duration: ")
    while not all(any(line.startswith(start) for line in told) for start in starts):
        assert time.monotonic() < until, told
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):  # its lines are on their way
            told = {one["message"] for one in logs.filter_log_events(logGroupName="/aws/lambda/snap-copied")["events"]}
        time.sleep(0.02)


def test_the_example_restores_what_it_has_closed(functions: Any, published: dict[str, dict[str, Any]]) -> None:
    assert published["snap-example"]["SnapStart"]["OptimizationStatus"] == "On"
    answer = json.loads(functions.invoke(FunctionName="snap-example:1", Payload=b'{"number": 3}')["Payload"].read())
    assert answer == {"word": "word 3", "asked": 1, "initialised_before_restore": True}


def test_a_version_whose_init_fails_fails(functions: Any, published: dict[str, dict[str, Any]]) -> None:
    shown = published["snap-init-fails"]
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "FunctionError")
    assert "no table" in shown["StateReason"]
    with pytest.raises(functions.exceptions.ResourceConflictException, match="Failed"):
        functions.invoke(FunctionName="snap-init-fails:1")


def test_what_can_not_be_copied_says_so_and_is_served_by_an_init_with_its_hooks(
    functions: Any, published: dict[str, dict[str, Any]]
) -> None:
    shown = published["snap-threaded"]
    assert (shown["State"], shown["SnapStart"]["OptimizationStatus"]) == ("Active", "Off")
    assert "2 threads" in shown["StateReason"]
    answer = functions.invoke(FunctionName="snap-threaded:1", LogType="Tail")
    assert json.loads(answer["Payload"].read()) == ["here"]
    assert "Init Duration" in base64.b64decode(answer["LogResult"]).decode()


def test_an_init_that_sends_images_by_itself_holds_no_memory_of_the_workers(
    functions: Any, published: dict[str, dict[str, Any]]
) -> None:
    assert "More than one image of it was sent" in published["snap-sends-itself"]["StateReason"]
    assert json.loads(functions.invoke(FunctionName="snap-sends-itself:1")["Payload"].read()) == "HTTP/1.1 404"


def test_a_hook_that_fails_after_restore_fails_the_invocation(
    functions: Any, published: dict[str, dict[str, Any]]
) -> None:
    for _ in range(2):
        with pytest.raises(functions.exceptions.SnapStartException, match="afterRestore"):
            functions.invoke(FunctionName="snap-hook-fails:1")


def test_snapstart_is_for_published_versions_of_pythons_with_little_tmp(functions: Any) -> None:
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="512 MB"):
        functions.update_function_configuration(
            FunctionName="snap-copied", SnapStart=ON, EphemeralStorage={"Size": 1024}
        )
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="enabled for SnapStart"):
        functions.put_provisioned_concurrency_config(
            FunctionName="snap-copied", Qualifier="1", ProvisionedConcurrentExecutions=1
        )
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="is not supported for SnapStart"):
        functions.update_function_configuration(FunctionName="snap-copied", Runtime="provided.al2023")
