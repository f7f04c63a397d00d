"""Whatever goes wrong, a command says it in one line and ends with status 1, never with a trace."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from harness import INGLE, Ingle, free_port

from ingle.app.config import NO_USE
from ingle.app.main import app

CLIENTS = {
    "deploy": ("function",),
    "watch": ("function",),
    "invoke": ("nobody",),
    "list": (),
    "logs": ("nobody",),
    "top": ("--once",),
    "rollback": ("nobody",),
    "delete": ("nobody",),
    "env": (),
}
OTHERS = {"up", "down", "unit", "doctor", "sign", "demo", "runtimes", "artifacts"}
Fault = Callable[[Path], None]


def test_every_command_is_walked_here() -> None:
    assert {*CLIENTS, *OTHERS} >= set(app.list_commands(click.Context(app)))


def test_the_list_of_commands_fits_a_terminal_and_cuts_no_sentence() -> None:
    told = CliRunner().invoke(app, ["--help"], terminal_width=80).output
    assert all(len(line) <= 80 and not line.endswith("...") for line in told.splitlines()[1:]), told


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory that says of an installation which is not there, beside a function."""
    tmp_path = Path(tempfile.mkdtemp(prefix="ingle-faults-"))  # pytest's own is too long a path for sockets
    (tmp_path / "function").mkdir()
    (tmp_path / "function" / "app.py").write_text("def handler(event, context):\n    return event\n")
    data = tmp_path / "data"
    (data / "run").mkdir(parents=True)
    write_credentials(data, "A" * 20, "b" * 40)
    (data / "run" / "endpoint").write_text(f"http://127.0.0.1:{free_port()}")
    monkeypatch.chdir(tmp_path)
    yield data
    shutil.rmtree(tmp_path)


def write_credentials(data: Path, key_id: str, secret: str) -> None:
    held = {"access_key_id": key_id, "secret_access_key": secret, "region": "us-east-1", "account_id": "0" * 12}
    (data / "credentials.json").write_text(json.dumps(held))


def refusal(*words: str) -> str:
    """Return the one line with which a command refuses; fails where it says more, or succeeds."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == (NO_USE if words[0] == "up" else 1), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    return done.stderr.removeprefix("ingle: ").strip()


def remove_everything(data: Path) -> None:
    shutil.rmtree(data)


def put_a_file_there(data: Path) -> None:
    shutil.rmtree(data)
    data.write_text("not a directory")


def damage_credentials(data: Path) -> None:
    (data / "credentials.json").write_text("{}")


@pytest.mark.parametrize("command", sorted(CLIENTS))
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (remove_everything, "nothing is installed in "),
        (put_a_file_there, "is not a directory"),
        (damage_credentials, "is damaged"),
    ],
)
def test_a_client_without_an_installation_says_so(place: Path, command: str, fault: Fault, says: str) -> None:
    fault(place)
    assert says in refusal(command, *CLIENTS[command], "--data", str(place))


@pytest.mark.parametrize("command", sorted(CLIENTS.keys() - {"env"}))
def test_a_client_without_a_server_says_where_it_asked(place: Path, command: str) -> None:
    endpoint = (place / "run" / "endpoint").read_text()
    told = refusal(command, *CLIENTS[command], "--data", str(place))
    assert told == f"nothing answers at {endpoint}: is `ingle up` running? (data: {place})"


@pytest.mark.parametrize("command", sorted(CLIENTS.keys() - {"env", "top"}))  # what top shows, this machine may see
def test_a_client_whose_credentials_are_refused_names_their_file(ingle: Ingle, place: Path, command: str) -> None:
    (place / "run" / "endpoint").write_text(f"http://127.0.0.1:{ingle.port}")
    for key_id, secret in (("A" * 20, "b" * 40), (ingle.credentials["access_key_id"], "b" * 40)):
        write_credentials(place, key_id, secret)
        told = refusal(command, *CLIENTS[command], "--data", str(place))
        assert f"refuses the credentials of {place / 'credentials.json'}" in told


def test_the_installation_of_another_user_is_told_from_none(place: Path) -> None:
    ordinary: tuple[str, ...] = ()
    if (
        os.geteuid() == 0
    ):  # an ordinary user of a namespace of its own may do on the host what root's owner may, no more
        os.chown(place, 12345, 12345)
        ordinary = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
    place.chmod(0o000)
    done = subprocess.run([*ordinary, INGLE, "list", "--data", place], capture_output=True, text=True)
    place.chmod(0o700)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"ingle: {place} belongs to another user: run this command as that user\n"


def test_programs_say_what_they_cannot_write_or_read(place: Path) -> None:
    (place.parent / "file").write_text("x")
    file = str(place.parent / "file")
    assert refusal("up", "--data", file) == f"{file}/run can't be used: Not a directory"
    assert "belong together" in refusal("up", "--data", str(place), "--https-port", "1", "--cert", file)
    assert "add --https-port" in refusal("up", "--data", str(place), "--cert", file, "--key", file)
    assert refusal("down", "--data", file) == f"{file}/run/lock: Not a directory"
    assert refusal("down", "--data", str(place)) == f"no `ingle up` serves {place}"
    assert "data" in refusal("artifacts", "collect", "--data", str(place.parent / "nowhere"))
    assert "file" in refusal("artifacts", "collect", "--data", file)
    assert "proc" in refusal("up", "--data", "/proc/nowhere")
    assert "no key can be made" in refusal("sign", file, "--key", "/proc/nowhere/key", "--new-key")
    assert "can't be signed" in refusal("sign", file, "--key", str(place.parent / "key"), "--new-key")
    assert "is not there" in refusal("deploy", "gone", "--data", str(place))


def test_ctrl_c_ends_what_follows_without_a_word(ingle: Ingle, deploy: Callable[[str], str]) -> None:
    name = deploy("def handler(event, context):\n    return event\n")
    ingle.client().invoke(FunctionName=name)
    command = [str(INGLE), "logs", "-f", name, "--data", str(ingle.data_dir)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
