"""Ingle as a unit of an ordinary user's own systemd, which has memory and processes to delegate."""

import contextlib
import json
import os
import pwd
import re
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import INGLE, Ingle
from tests.hosts.installation import wait_for

USER = pwd.getpwnam("user")
DATA_DIR = Path(USER.pw_dir) / "ingle-data"
PORT = 9101
UNIT = Path(USER.pw_dir) / ".config/systemd/user/ingle.service"
MANAGER = Path(f"/sys/fs/cgroup/user.slice/user-{USER.pw_uid}.slice/user@{USER.pw_uid}.service")

SOURCE = """
def handler(event, context):
    return len(bytearray(b"x") * (event << 20))
"""


def as_user(*command: str) -> str:
    """Run a command as the user, who can reach his systemd; return what it prints."""
    variables = ["env", f"XDG_RUNTIME_DIR=/run/user/{USER.pw_uid}", f"HOME={USER.pw_dir}"]
    ended = subprocess.run(["runuser", "-u", "user", "--", *variables, *command], capture_output=True, text=True)
    assert ended.returncode == 0, f"{command}: {ended.stderr}{journal()}"
    return ended.stdout


def journal() -> str:
    command = ["journalctl", "_SYSTEMD_USER_UNIT=ingle.service", "-n", "40", "--no-pager"]
    return subprocess.run(command, capture_output=True, text=True).stdout


@pytest.fixture(scope="module", autouse=True)
def _manager() -> None:
    """Have the user's systemd run without a session."""
    subprocess.run(["loginctl", "enable-linger", "user"], check=True)
    wait_for(lambda: (MANAGER / "init.scope").exists() and Path(f"/run/user/{USER.pw_uid}/systemd/private").exists(),
             "the user's systemd")  # fmt: skip


@contextlib.contextmanager
def serving(**settings: str) -> Iterator[Ingle]:
    """Yield an Ingle of the user's unit, with some settings of it changed."""
    text = as_user(str(INGLE), "unit", "--data", str(DATA_DIR), "--port", str(PORT))
    for name, value in settings.items():
        text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.M)
    UNIT.parent.mkdir(parents=True, exist_ok=True)
    UNIT.write_text(text)
    for path in (UNIT, *UNIT.parents[:3]):
        os.chown(path, USER.pw_uid, USER.pw_gid)
    as_user("systemctl", "--user", "daemon-reload")
    as_user("systemctl", "--user", "start", "ingle.service")
    ingle = Ingle(DATA_DIR)
    ingle.port = PORT
    try:
        if not ingle.client().list_functions()["Functions"]:
            ingle.deploy("f", {"app.py": SOURCE}, MemorySize=256, Timeout=60)
        yield ingle
    finally:
        as_user("systemctl", "--user", "stop", "ingle.service")


def use(ingle: Ingle, mib: int) -> tuple[str, int]:
    """Have the function use memory; return its answer, and what its REPORT says of memory in MB."""
    answer = ingle.client().invoke(FunctionName="f", Payload=json.dumps(mib).encode(), LogType="Tail")
    used = re.search(r"Max Memory Used: (\d+) MB", b64decode(answer["LogResult"]).decode())
    assert used is not None
    return answer["Payload"].read().decode(), int(used[1])


def test_a_users_unit_limits_memory_by_what_systemd_delegates() -> None:
    with serving() as ingle:
        assert "limits by control groups in user.slice" in journal()
        answer, used = use(ingle, 60)
        assert answer == str(60 << 20)
        assert 60 <= used <= 256
        assert [file for file in MANAGER.rglob("ingle-*/*/memory.max") if file.read_text() != "max\n"]
        answer, _ = use(ingle, 600)
        assert "Runtime.ExitError" in answer
        assert use(ingle, 1)[0] == str(1 << 20)
    assert list(MANAGER.rglob("ingle-*")) == []


def test_a_user_without_delegation_is_told_and_memory_is_counted() -> None:
    with serving(Delegate="no") as ingle:
        assert "memory limits are not enforced" in journal()
        answer, used = use(ingle, 600)
        assert answer == str(600 << 20)
        assert used == 256  # REPORT tells no more than the size, which the function has passed
