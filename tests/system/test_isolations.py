"""The other ways to isolate: without root in user namespaces, and the process driver, which must be asked for."""

import base64
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator

import pytest
from harness import ROOT, Ingle, running_ingle
from tests.system.layers import lay
from tests.system.test_extensions import log_of

from ingle.app.doctor import choose_driver

INSPECT = """
import os, time
def handler(event, context):
    if event == "exit":
        os._exit(4)
    if event == "sleep":
        time.sleep(30)
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return {
        "uid": os.getuid(), "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "capabilities": status["CapEff"].strip() + status["CapBnd"].strip(), "seccomp": status["Seccomp"].strip(),
        "task": sorted(os.listdir("/var/task")), "root": os.path.exists("/root/.pyenv"), "home": os.listdir("/home"),
        "writable": [place for place in ("/", "/var/task", "/usr", "/tmp") if os.access(place, os.W_OK)],
    }
"""

# An ordinary user: no capability over anything of the host's. The interpreter may lie in a home that only root can
# enter, so where the tests run as root the ordinary user is one of a user namespace of its own.
ORDINARY = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()


@pytest.fixture(scope="module")
def rootless() -> Iterator[Ingle]:
    if ORDINARY and shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux) to become an ordinary user")
    probe = subprocess.run([*ORDINARY, "unshare", "--user", "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("needs a kernel that lets ordinary users make user namespaces")
    with running_ingle(prefix=ORDINARY) as running:
        running.deploy("inspect", {"app.py": INSPECT, "data/more.txt": "x" * 10_000}, Timeout=1)
        yield running


def test_an_ordinary_user_gets_sandbox_rootless_and_is_told(rootless: Ingle) -> None:
    assert "sandbox-rootless (" in rootless.announcement()


@pytest.mark.usefixtures("rootless")
def test_who_asks_for_rootless_is_told_nothing_is_missing_where_nothing_is() -> None:
    driver, why = choose_driver("sandbox-rootless", insecure=False)
    assert driver == "sandbox-rootless"
    assert ": :" not in why


def test_a_rootless_sandbox_confines_but_for_cgroups(rootless: Ingle) -> None:
    seen = json.loads(rootless.client().invoke(FunctionName="inspect")["Payload"].read())
    assert seen["uid"] != 0
    assert seen["processes"] <= 2
    assert set(seen["capabilities"]) == {"0"}
    assert seen["seccomp"] == "2"
    assert seen["task"] == ["app.py", "data"]
    assert seen["writable"] == ["/tmp"]
    assert seen["home"] == ["sbx_user1051"]


def test_a_rootless_environment_lives_and_dies_like_any_other(rootless: Ingle) -> None:
    client = rootless.client()
    for event, error_type in (("exit", "Runtime.ExitError"), ("sleep", "Sandbox.Timedout")):
        answer = client.invoke(FunctionName="inspect", Payload=json.dumps(event).encode(), LogType="Tail")
        assert json.loads(answer["Payload"].read())["errorType"] == error_type
        assert b"REPORT" in base64.b64decode(answer["LogResult"])
        assert "FunctionError" not in client.invoke(FunctionName="inspect")


def test_a_rootless_environment_has_extensions_and_tells_them_of_its_end(rootless: Ingle) -> None:
    tally = (ROOT / "examples" / "extension-shell" / "extensions" / "tally").read_text()
    rootless.deploy(
        "tallied", {"app.py": "handler = lambda e, c: e"}, Layers=[lay(rootless, "tally", {"extensions/tally": tally})]
    )
    client = rootless.client()
    assert client.invoke(FunctionName="tallied", Payload=b"1")["Payload"].read() == b"1"
    client.update_function_configuration(FunctionName="tallied", Description="another")
    log_of(rootless.client("logs"), "tallied", "^served 1 invocations$")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="templates are made on x86-64 alone")
def test_a_rootless_sandbox_copies_what_is_initialised(rootless: Ingle) -> None:
    source = "import uuid\nBORN, seen = uuid.uuid4().hex, []\ndef handler(e, c):\n    seen.append(e)\n    return BORN, seen\n"
    rootless.deploy("isolated", {"app.py": source}, Tags={"ingle:isolation": "invocation"})
    client = rootless.client()
    told = [
        json.loads(client.invoke(FunctionName="isolated", Payload=event)["Payload"].read()) for event in (b"1", b"2")
    ]
    assert [seen for _, seen in told] == [[1], [2]]
    assert told[0][0] == told[1][0]


def test_the_process_driver_runs_functions_where_it_is_asked_for() -> None:
    with running_ingle("--isolation", "process", "--insecure") as running:
        assert "process (you asked for it" in running.announcement()
        tally = lay(
            running, "tally", {"extensions/tally": "#!/bin/sh\nexit 1\n"}
        )  # nothing can be at /opt: it doesn't run
        running.deploy(
            "f",
            {"app.py": "import os\ndef handler(e, c):\n    os._exit(3) if e else None\n    return 'ran'\n"},
            Layers=[tally],
        )
        client = running.client()
        assert client.invoke(FunctionName="f")["Payload"].read() == b'"ran"'
        failed = json.loads(client.invoke(FunctionName="f", Payload=b"1")["Payload"].read())
        assert failed["errorType"] == "Runtime.ExitError"
        assert client.invoke(FunctionName="f")["Payload"].read() == b'"ran"'
