"""What a function finds around it, as in Lambda: limits, files, addresses, interfaces, programs."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from ingle.app.commands.doctor import host_runtimes

LOOK = """
import os, resource, socket, subprocess, urllib.request
limit = lambda kind: resource.getrlimit(getattr(resource, "RLIMIT_" + kind))
def handler(event, context):
    api = os.environ["AWS_LAMBDA_RUNTIME_API"]
    entrypoint = os.stat("/lambda-entrypoint.sh")
    answers = []
    for address in (api, "127.0.0.1:9001"):
        link = urllib.request.Request("http://%s/2018-06-01/ping" % address)
        try:
            answers.append(urllib.request.urlopen(link).status)
        except urllib.error.HTTPError as error:
            answers.append(error.code)
    return {
        "limits": {kind: limit(kind) for kind in ("NOFILE", "NPROC", "SIGPENDING", "CORE", "MEMLOCK", "RTPRIO")},
        "api": api, "answers": answers, "mode": entrypoint.st_mode & 0o7777,
        "locale": os.environ.get("LC_CTYPE"),
    }
"""
PIPED = Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "@"))


def test_limits_and_addresses_are_lambdas(deploy: Any, invoke: Any) -> None:
    seen = invoke(deploy(LOOK)).payload
    core = 1 if PIPED else 10737418240  # a handler of the host's is started whatever the limit, but for 1
    assert seen["limits"] == {
        "NOFILE": [1024, 1024], "NPROC": [742, 742], "SIGPENDING": [742, 742], "CORE": [core, core],
        "MEMLOCK": [65536, 65536], "RTPRIO": [0, 0],
    }  # fmt: skip
    assert seen["api"] == "169.254.100.1:9001"
    assert seen["answers"] == [404, 404]
    assert seen["mode"] == 0o755
    assert seen["locale"] is None


def test_the_locale_is_lambdas_from_python_3_12_on(ingle: Any, invoke: Any) -> None:
    if "python3.12" not in [entry.name for entry in host_runtimes()]:
        pytest.skip("the host has no Python 3.12")
    ingle.deploy("locale", {"app.py": LOOK}, runtime="python3.12")
    assert invoke("locale").payload["locale"] == "C.UTF-8"


def test_a_process_may_be_one_of_742_and_a_core_holds_nothing(deploy: Any, invoke: Any) -> None:
    source = """
import os, time
held = os.urandom(16 << 20)
def handler(event, context):
    os.chdir("/tmp")
    child = os.fork()
    if child == 0:
        os.abort()
    os.waitpid(child, 0)
    cores, children = [os.path.getsize(name) for name in os.listdir("/tmp") if "core" in name], []
    try:
        while len(children) < 1024:
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, 9)
    return len(children), cores
"""
    count, cores = invoke(deploy(source, MemorySize=1024, Timeout=30)).payload
    assert 735 <= count <= 742
    assert sum(cores) < 1 << 20


@pytest.mark.parametrize("command", [["awk", "BEGIN { print 42 }"], ["java", "-Xmx64m", "-version"]])
def test_programs_of_the_host_that_lead_through_etc_work(command: list[str], deploy: Any, invoke: Any) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"the host has no {command[0]}")
    source = f"import subprocess\ndef handler(e, c):\n    return subprocess.run({command!r}, capture_output=True).returncode\n"
    assert invoke(deploy(source, MemorySize=1024, Timeout=30)).payload == 0
