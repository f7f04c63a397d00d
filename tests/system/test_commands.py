"""The AWS CLI and the `ingle` command, as a user types them."""

import json
import os
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from harness import INGLE, ROOT, Ingle, zip_of
from tests.system.test_logs import wait_for_events

from ingle.app.config import NO_USE

AWS = ROOT / ".venv" / "bin" / "aws"


@pytest.fixture
def shell(ingle: Ingle, tmp_path: Path) -> Any:
    """Run a command line with the variables that `ingle env` prints, in an empty home; return its output."""
    exports = subprocess.run([INGLE, "env", "--data", ingle.data_dir], capture_output=True, text=True, check=True)
    unset, *lines = exports.stdout.splitlines()
    assert unset.startswith("unset AWS_SESSION_TOKEN AWS_PROFILE ")
    assert {"AWS_ENDPOINT_URL_LAMBDA", "AWS_DEFAULT_PROFILE"} <= set(unset.split())
    variables = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert set(variables) == {
        "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION",
    }  # fmt: skip
    environment = {**variables, "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "INGLE_DATA": str(ingle.data_dir)}

    def run(*command: Any, status: int = 0) -> str:
        done = subprocess.run(list(map(str, command)), env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout if status == 0 else done.stderr

    return run


def test_the_aws_cli_walks_a_function_through_its_life(shell: Any, tmp_path: Path) -> None:
    (tmp_path / "hello.zip").write_bytes(zip_of({"app.py": "def handler(e, c):\n    print('said')\n    return e\n"}))
    name = ("--function-name", "cli-hello")
    lambda_ = (AWS, "lambda")
    made = shell(*lambda_, "create-function", *name, "--runtime", "python3.11", "--handler", "app.handler",
                 "--role", "arn:aws:iam::000000000000:role/hello", "--zip-file", "fileb://hello.zip")  # fmt: skip
    assert json.loads(made)["State"] == "Pending"
    shell(*lambda_, "wait", "function-active-v2", *name)
    told = json.loads(shell(*lambda_, "invoke", *name, "--payload", '{"a":1}', "--log-type", "Tail", "out.json"))
    assert told["StatusCode"] == 200
    assert json.loads((tmp_path / "out.json").read_text()) == {"a": 1}
    assert json.loads(shell(*lambda_, "publish-version", *name))["Version"] == "1"
    (tmp_path / "hello.zip").write_bytes(zip_of({"app.py": "def handler(e, c):\n    return 'new'\n"}))
    shell(*lambda_, "update-function-code", *name, "--zip-file", "fileb://hello.zip")
    shell(*lambda_, "wait", "function-updated-v2", *name)
    shell(*lambda_, "update-function-configuration", *name, "--timeout", "9")
    shell(*lambda_, "wait", "function-updated", *name)
    assert json.loads(shell(*lambda_, "get-function-configuration", *name))["Timeout"] == 9
    assert json.loads(shell(*lambda_, "get-function", *name))["Configuration"]["State"] == "Active"
    listed = json.loads(shell(*lambda_, "list-versions-by-function", *name))["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1"]
    assert "cli-hello" in shell(*lambda_, "list-functions", "--query", "Functions[].FunctionName", "--output", "text")
    assert json.loads(shell(*lambda_, "get-account-settings"))["AccountLimit"]["ConcurrentExecutions"] == 1000
    time.sleep(0.5)  # logs are shipped every 200 ms
    group = ("--log-group-name", "/aws/lambda/cli-hello")
    assert "/aws/lambda/cli-hello" in shell(AWS, "logs", "describe-log-groups")
    streams = json.loads(shell(AWS, "logs", "describe-log-streams", *group))["logStreams"]
    stream = ("--log-stream-name", streams[0]["logStreamName"])
    assert "said" in shell(AWS, "logs", "get-log-events", *group, *stream)
    assert "said" in shell(AWS, "logs", "filter-log-events", *group)
    shell(*lambda_, "delete-function", *name)
    assert "ResourceNotFoundException" in shell(*lambda_, "get-function", *name, status=255)


def test_logs_are_followed(ingle: Ingle, deploy: Any, invoke: Any) -> None:
    name = deploy("def handler(e, c):\n    print('seen', e)\n")
    command = [str(INGLE), "logs", "-f", name, "--data", str(ingle.data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        invoke(name, "first")
        assert process.stdout is not None
        lines: list[str] = []
        while not any("seen first" in line for line in lines):
            lines.append(process.stdout.readline())
        invoke(name, "second")
        while not any("seen second" in line for line in lines):
            lines.append(process.stdout.readline())
        assert sum("seen first" in line for line in lines) == 1
    finally:
        process.terminate()
        process.communicate()


def test_a_log_is_shown_with_times_and_versions_and_of_one_request(ingle: Ingle, deploy: Any, shell: Any) -> None:
    name = deploy("def handler(event, context):\n    print('seen', event)\n")
    client = ingle.client()
    ids = []
    for event in (b"1", b"2"):
        ids.append(client.invoke(FunctionName=name, Payload=event)["ResponseMetadata"]["RequestId"])
    wait_for_events(ingle.client("logs"), f"/aws/lambda/{name}", 9)  # a command says so where nothing is logged yet
    told = shell(INGLE, "logs", name, "--since", "10m")
    assert re.search(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \$LATEST seen 1$", told, re.M)
    assert "\x1b" not in told
    alone = shell(INGLE, "logs", name, "--request-id", ids[1])
    assert [line.split(" ", 2)[2].split(" ")[0] for line in alone.splitlines()] == ["START", "seen", "END", "REPORT"]
    assert "seen 2" in alone
    assert "write 30s, 10m, 2h or 1d" in shell(INGLE, "logs", name, "--since", "soon", status=2)


def test_a_profile_serves_the_aws_cli_without_any_variable(ingle: Ingle, shell: Any, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[default]\nregion = eu-west-1\n")
    told = shell(INGLE, "env", "--profile", "mine")
    assert "wrote profile mine" in told
    assert ingle.credentials["secret_access_key"] not in told
    assert (tmp_path / ".aws" / "config").read_text().startswith("[default]\nregion = eu-west-1\n\n[profile mine]\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [AWS, "--profile", "mine", "lambda", "get-account-settings"], env=environment, capture_output=True, text=True
    )
    assert json.loads(done.stdout)["AccountLimit"]["ConcurrentExecutions"] == 1000, done.stderr
    assert "a profile's name" in shell(INGLE, "env", "--profile", "a]b", status=1)


def test_the_command_says_its_version_and_its_shells_complete_it(shell: Any) -> None:
    assert shell(INGLE, "--version").startswith("ingle ")
    assert shell(INGLE, "-h") == shell(INGLE, "--help")
    assert "--remove-env" in shell(INGLE, "deploy", "-h")
    assert "_INGLE_COMPLETE=bash_complete" in shell("env", "_INGLE_COMPLETE=bash_source", INGLE)


def test_doctor_examines_every_part_of_the_host(shell: Any) -> None:
    told = shell(INGLE, "doctor")
    for part in ("user namespace", "pid namespace", "cgroups", "seccomp", "EROFS", "loop devices", "FUSE", "KVM"):
        assert part in told
    assert "python3.11" in told
    assert "isolation: " in told


def test_up_refuses_what_it_cannot_do_and_says_what_to_change(ingle: Ingle, shell: Any, tmp_path: Path) -> None:
    assert "already serves" in shell(INGLE, "up", "--data", ingle.data_dir, "--port", "1", status=1)
    assert "--insecure" in shell(INGLE, "up", "--data", tmp_path / "d", "--isolation", "process", status=NO_USE)
    assert "--isolation is one of" in shell(
        INGLE, "up", "--data", tmp_path / "d", "--isolation", "magic", status=NO_USE
    )
    assert "belongs to account 000000000000" in shell(
        INGLE, "up", "--data", ingle.data_dir, "--account", "123456789012", status=NO_USE
    )
    assert "12 digits" in shell(INGLE, "up", "--data", tmp_path / "e", "--account", "12", status=NO_USE)
    assert "too long" in shell(INGLE, "up", "--data", tmp_path / ("x" * 100), status=NO_USE)
    assert "start `ingle up" in shell(INGLE, "env", "--data", tmp_path / "nothing", status=1)
    assert os.path.isdir(ingle.data_dir)
