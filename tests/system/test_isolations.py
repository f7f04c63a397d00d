"""The other ways to isolate: without root in user namespaces, and the process driver, which must be asked for."""

import base64
import contextlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from harness import INGLE, ROOT, Ingle, running_ingle
from tests.ordinary import USER
from tests.system.layers import lay
from tests.system.test_extensions import log_of

from ingle.app.config import NO_USE
from ingle.app.supervision.delegation import find_delegated

INSPECT = """
import os, time
def handler(event, context):
    if event == "exit":
        os._exit(4)
    if event == "sleep":
        time.sleep(30)
    status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
    return {
        "uid": os.getuid(), "map": open("/proc/self/uid_map").read().split(), "processes": sum(name.isdigit() for name in os.listdir("/proc")),
        "capabilities": status["CapEff"].strip() + status["CapBnd"].strip(), "seccomp": status["Seccomp"].strip(),
        "task": sorted(os.listdir("/var/task")), "root": os.path.exists("/root/.pyenv"), "home": os.listdir("/home"),
        "writable": [place for place in ("/", "/var/task", "/usr", "/tmp") if os.access(place, os.W_OK)],
    }
"""


@pytest.fixture(scope="module", autouse=True)
def _inspect(rootless: Ingle) -> None:
    rootless.deploy("inspect", {"app.py": INSPECT, "data/more.txt": "x" * 10_000}, Timeout=1)


def test_an_ordinary_user_gets_sandbox_rootless_and_is_told(rootless: Ingle) -> None:
    assert "sandbox-rootless (" in rootless.announcement()


def test_a_rootless_sandbox_confines_but_for_cgroups(rootless: Ingle) -> None:
    seen = json.loads(rootless.client().invoke(FunctionName="inspect")["Payload"].read())
    assert seen["uid"] == 993
    assert seen["map"][2] == "1"
    assert seen["processes"] <= 2
    assert set(seen["capabilities"]) == {"0"}
    assert seen["seccomp"] == "2"
    assert seen["task"] == ["app.py", "data"]
    assert seen["writable"] == ["/tmp"]
    assert seen["home"] == ["sbx_user1051"]


HOLD = """
import os
def handler(event, context):
    held = b"x" * (event["mib"] << 20)
    if event.get("exit"):
        os._exit(4)
    return len(held)
"""


def used_mb(ingle: Ingle, **event: int) -> int:
    """Return what REPORT says of memory after an invocation that holds some."""
    answer = ingle.client().invoke(FunctionName="hold", Payload=json.dumps(event).encode(), LogType="Tail")
    used = re.search(r"Max Memory Used: (\d+) MB", base64.b64decode(answer["LogResult"]).decode())
    assert used is not None
    return int(used[1])


@pytest.mark.parametrize("kind", ["rootless", "process"])
def test_memory_is_counted_where_no_control_group_counts_it(kind: str, rootless: Ingle) -> None:
    arguments = ("--isolation", "process", "--insecure")
    with contextlib.nullcontext(rootless) if kind == "rootless" else running_ingle(*arguments) as ingle:
        ingle.deploy("hold", {"app.py": HOLD}, Timeout=20, MemorySize=1024)
        first = used_mb(ingle, mib=1)
        assert 1 < first < 100
        assert first + 100 < used_mb(ingle, mib=200) < 400
        assert used_mb(ingle, mib=1) > first + 100  # an environment's most so far, as Lambda tells
        assert used_mb(ingle, mib=300, exit=1) > 300


def test_a_rootless_ingle_says_that_memory_has_no_limit(rootless: Ingle) -> None:
    assert ("memory limits are not enforced" in rootless.announcement()) == (find_delegated() is None)


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


AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="what root is refused")


def up(*arguments: str, prefix: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """Run an `ingle up` that is expected to end by itself."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too long for sockets
        command = [*prefix, str(INGLE), "up", "--data", f"{folder}/data", "--port", "1", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)


def users_below(pid: int) -> set[str]:
    """Return the host uids of everything that a process has started, and what that has started."""
    parents, users = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = dict(
                line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line
            )
            parents[folder.name], users[folder.name] = status["PPid"], set(status["Uid"].split())
    below = {str(pid)}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return set().union(*(users[one] for one in below))


@AS_ROOT
def test_the_process_driver_runs_more_environments_than_python_has_threads_at_hand() -> None:
    count = min(32, (os.cpu_count() or 1) + 4) + 1
    with running_ingle("--isolation", "process", "--insecure") as running:
        running.deploy("many", {"app.py": "import time\ndef handler(e, c):\n    time.sleep(e)\n"}, Timeout=60)
        running.deploy("one", {"app.py": "def handler(e, c):\n    return 1\n"})
        functions = running.client()
        with ThreadPoolExecutor(count) as pool:
            calls = [pool.submit(functions.invoke, FunctionName="many", Payload=b"6") for _ in range(count)]
            assert all(call.result()["Payload"].read() == b"null" for call in calls)
        assert functions.invoke(FunctionName="one")["Payload"].read() == b"1"


def test_nothing_of_a_rootless_ingle_is_the_hosts_root(rootless: Ingle) -> None:
    rootless.client().invoke(FunctionName="inspect")
    assert users_below(rootless.process.pid) == {str(USER)}


@AS_ROOT
@pytest.mark.parametrize("prefix", [(), ("unshare", "--user", "--map-user=1000", "--map-group=1000")])
def test_root_is_refused_the_rootless_sandbox_under_whatever_name(prefix: tuple[str, ...]) -> None:
    done = up("--isolation", "sandbox-rootless", prefix=prefix)
    assert done.returncode == NO_USE
    assert "root" in done.stderr
    assert "ordinary user" in done.stderr


@AS_ROOT
def test_a_spawner_that_is_root_refuses_to_be_rootless(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ingle.spawner", "--rootless", "--socket", str(tmp_path / "s.sock")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert "refused" in done.stderr


@AS_ROOT
def test_root_without_cgroups_is_told_the_reason_and_the_remedy() -> None:
    bare = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "-")
    done = up(prefix=bare)
    assert done.returncode == NO_USE
    for told in ("cgroups", "none", "mount cgroup2", "ordinary user", "--isolation process --insecure"):
        assert told in done.stderr


@AS_ROOT
def test_root_whose_unit_protects_control_groups_is_told_so() -> None:
    group = "/sys/fs/cgroup" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "/sys/fs/cgroup/memory"
    protect = f"mount --bind {group} {group} && mount -o remount,bind,ro {group}"
    done = up(prefix=("unshare", "--mount", "sh", "-c", f'{protect} && exec "$@"', "-"))
    assert done.returncode == NO_USE
    for told in ("read-only", "ProtectControlGroups"):
        assert told in done.stderr


@AS_ROOT
def test_a_host_without_erofs_isolates_as_any_other_and_unpacks_code() -> None:
    bare = ("unshare", "--mount", "sh", "-c", 'mount --bind /dev/null /dev/loop-control && exec "$@"', "-")
    with running_ingle(prefix=bare) as running:
        assert "sandbox (" in running.announcement()
        assert "code is unpacked into memory" in running.announcement()
        files = {"app.py": INSPECT, "data/more.txt": "x" * 10_000, "bin/tool": "#!/bin/sh\nexit 0\n"}
        running.deploy("inspect", files, MemorySize=128)
        for _ in range(2):
            seen = json.loads(running.client().invoke(FunctionName="inspect")["Payload"].read())
            assert seen["map"][2] == "65535"
            assert seen["task"] == ["app.py", "bin", "data"]
            assert seen["writable"] == ["/tmp"]
        layer = lay(running, "more", {"python/shared.py": "VALUE = 5\n"})
        source = """
import errno, os, shared
def handler(e, c):
    return shared.VALUE, errno.errorcode[refusal("/opt/x")], errno.errorcode[refusal("/var/task/x")]
def refusal(path):
    try:
        open(path, "w")
    except OSError as error:
        return error.errno
"""
        running.deploy("layered", {"app.py": source}, Layers=[layer])
        assert running.client().invoke(FunctionName="layered")["Payload"].read() == b'[5, "EROFS", "EROFS"]'


def test_health_and_metrics_name_the_driver(rootless: Ingle) -> None:
    base = f"http://127.0.0.1:{rootless.port}"
    with urllib.request.urlopen(f"{base}/health") as answer:
        assert json.load(answer)["isolation"] == "sandbox-rootless"
    with urllib.request.urlopen(f"{base}/metrics") as answer:
        assert b'ingle_isolation_info{driver="sandbox-rootless"} 1.0' in answer.read()
    told = subprocess.run([INGLE, "top", "--once", "--data", rootless.data_dir], capture_output=True, text=True)
    assert "isolation: sandbox-rootless" in told.stdout
