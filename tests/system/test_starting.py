"""What can't start says why, at once, with a status that is not 0, and changes nothing."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness import INGLE, Ingle, free_port, running_ingle

from ingle.app.config import NO_USE


def up(data_dir: Path, *arguments: str, seconds: float = 20) -> tuple[int, str]:
    """Run `ingle up` to its end; return status and what it said."""
    command = [str(INGLE), "up", "--data", str(data_dir), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ingle]:
    """An Ingle that serves."""
    with running_ingle() as running:
        yield running


def test_a_port_that_another_ingle_has_is_told_with_its_directory(first: Ingle, folder: Path) -> None:
    status, text = up(folder / "data", "--port", str(first.port))
    assert status == 1
    expected = f"127.0.0.1:{first.port} is in use (by another Ingle, of {first.data_dir}): stop it or choose --port"
    assert expected in " ".join(text.split())
    assert not (folder / "data" / "programs.log").exists()
    assert first.is_healthy()


def test_a_port_that_another_program_has_is_told(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, text = up(folder / "data", "--port", str(port))
        assert (status, f"127.0.0.1:{port} is in use: stop it or choose --port" in " ".join(text.split())) == (1, True)
        status, text = up(folder / "data", "--port", str(free_port()), "--https-port", str(port))
        assert (status, "choose --https-port" in " ".join(text.split())) == (1, True)


WRONG = {
    "no port": (["--port", "99999"], "--port is a number from 1 to 65535, not 99999"),
    "no https port": (["--https-port", "0"], "--https-port is a number from 1 to 65535, not 0"),
    "foreign address": (["--host", "192.0.2.1"], "--host 192.0.2.1 is no address of this machine"),
    "no name": (["--host", "nowhere.invalid"], "--host nowhere.invalid is no address of this machine"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_can_not_be_listened_on_is_told(case: str, folder: Path) -> None:
    arguments, expected = WRONG[case]
    status, text = up(folder / "data", *arguments)
    assert (status, expected in " ".join(text.split())) == (NO_USE, True), text


def test_health_names_the_installation(first: Ingle) -> None:
    import json
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{first.port}/health") as answer:
        told = json.loads(answer.read())
    assert told["installation"] == json.loads((first.data_dir / "installation.json").read_text())["id"]


def test_a_program_that_never_comes_to_serve_ends_it_with_its_reason(folder: Path) -> None:
    in_the_way = folder / "data" / "run" / "control.sock" / "in the way"
    in_the_way.mkdir(parents=True)
    status, text = up(folder / "data", "--port", str(free_port()), seconds=60)
    assert status == 1
    assert text.count("control ended (status 1)") == 4  # and the fifth is the last
    assert "control can't start: " in text
    assert "control.sock" in text.splitlines()[-1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of an installation that is not running."""
    kept = tmp_path_factory.mktemp("installed") / "data"
    with running_ingle() as running:
        running.deploy("f", {"app.py": "def handler(event, context):\n    return event\n"})
        running.stop()
        shutil.copytree(running.data_dir, kept, ignore=lambda folder, names: [n for n in names if n.endswith(".sock")])
    return kept


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    path.write_bytes(content)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no root key": ("keys/root.key", Path.unlink, "root.key is missing"),
    "a bit of the root key": ("keys/root.key", _flip, "is not the key under which"),
    "cut credentials": ("credentials.json", lambda path: os.truncate(path, 40), "credentials.json is damaged"),
    "no database": ("metadata.sqlite", lambda path: path.write_bytes(b"x" * 5000), "sqlite is damaged"),
    "no installation": ("installation.json", lambda path: os.truncate(path, 10), "installation.json is damaged"),
}


def contents(data_dir: Path) -> dict[str, str]:
    """Return what the directory holds, but for what each start writes."""
    return {
        str(path.relative_to(data_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in data_dir.rglob("*")
        if path.is_file() and "run" not in path.relative_to(data_dir).parts and path.name != "programs.log"
    }


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_missing_or_damaged_is_told_and_nothing_is_changed(case: str, installed: Path, folder: Path) -> None:
    name, damage, expected = BROKEN[case]
    data_dir = folder / "data"
    shutil.copytree(installed, data_dir)
    damage(data_dir / name)
    before = contents(data_dir)
    status, text = up(data_dir, "--port", str(free_port()))
    assert status == NO_USE
    assert expected in " ".join(text.split()), text
    assert text.count("can't start") <= 1
    assert contents(data_dir) == before


def test_a_program_that_dies_is_told_where_ingle_was_started() -> None:
    from belongings import programs

    with running_ingle() as own:
        os.kill(programs(own)["control"], signal.SIGKILL)
        while "control ended (signal 9)" not in own.log.read_text():
            pass
