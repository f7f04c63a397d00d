"""A start from every broken state of a data directory.

Either it serves, and keeps everything that is not broken, or it ends within seconds with status 1, names the file and the
remedy, and changes nothing. The installation is made once; each case has a copy of it.
"""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import INGLE, Ingle, free_port, zip_of

from ingle.app.config import NO_USE

SOURCE = "def handler(event, context):\n    print('a line')\n    return {!r}\n"
DRIVER = ("--isolation", "process", "--insecure")
"""What isolates functions is not asked here; this starts fastest."""


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A folder with `whole`, an installation with the functions old and new, and `before`, from before there was new."""
    folder = Path(tempfile.mkdtemp(prefix="ingle-broken-"))
    ingle = Ingle(folder / "data", arguments=DRIVER)
    for name, copy in (("old", "before"), ("new", "whole")):
        ingle.start()
        try:
            ingle.deploy(name, {"app.py": SOURCE.format(name)})
            ingle.client().invoke(FunctionName=name)
        finally:
            ingle.stop()
        shutil.copytree(ingle.data_dir, folder / copy, ignore=shutil.ignore_patterns("run"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def data(made: Path) -> Iterator[Path]:
    """A copy of the whole installation, which a test may break."""
    folder = Path(tempfile.mkdtemp(prefix="ingle-broken-"))
    shutil.copytree(made / "whole", folder / "data")
    (folder / "data").chmod(0o700)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_key(data: Path) -> None:
    (data / "keys" / "root.key").write_bytes(bytes(range(32)))


def another_installation(name: str) -> Callable[[Path], None]:
    def act(data: Path) -> None:
        connection = sqlite3.connect(data / name)
        connection.execute("UPDATE installation SET id = 'foreign'")
        connection.commit()
        connection.close()

    return act


def empty_database(data: Path) -> None:
    (data / "metadata.sqlite").write_bytes(b"")


def without(name: str) -> Callable[[Path], None]:
    return lambda data: (data / name).unlink()


def half(name: str) -> Callable[[Path], None]:
    return lambda data: cut(data / name)


def of_mode(name: str, mode: int) -> Callable[[Path], None]:
    return lambda data: (data / name).chmod(mode)


REFUSED: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "installation missing": (without("installation.json"), "installation.json is missing", "restore it"),
    "credentials missing": (without("credentials.json"), "credentials.json is missing", "restore it"),
    "key missing": (without("keys/root.key"), "root.key is missing", "restore it"),
    "metadata missing": (without("metadata.sqlite"), "metadata.sqlite is missing or empty", "restore it"),
    "installation cut": (half("installation.json"), "installation.json is damaged", "restore it"),
    "credentials cut": (half("credentials.json"), "credentials.json is damaged", "restore it"),
    "key cut": (half("keys/root.key"), "root.key is not a root key", "restore it"),
    "metadata cut": (half("metadata.sqlite"), "metadata.sqlite is damaged", "restore it"),
    "queue cut": (half("queue.sqlite"), "queue.sqlite is damaged", "restore it"),
    "credentials readable": (of_mode("credentials.json", 0o644), "credentials.json must", "have mode 0600"),
    "key readable": (of_mode("keys/root.key", 0o640), "root.key must", "have mode 0600"),
    "keys writable": (of_mode("keys", 0o777), "keys must", "nobody else may write in it"),
    "another key": (another_key, "root.key is not the key", "from one backup"),
    "another metadata": (another_installation("metadata.sqlite"), "belongs to installation foreign", "from one backup"),
    "another queue": (another_installation("queue.sqlite"), "belongs to installation foreign", "from one backup"),
    "metadata empty": (empty_database, "metadata.sqlite is missing or empty", "restore it"),
}


def state_of(data: Path) -> dict[str, Any]:
    """Return what is in a data directory, without what belongs to a run."""
    kept = (path for path in data.rglob("*") if path.is_file() and path.relative_to(data).parts[0] != "run")
    return {
        str(path.relative_to(data)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in kept
        if path.name != "programs.log" and not path.name.endswith(("-wal", "-shm"))
    }


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_trusted_ends_the_start_and_is_left_as_it_is(case: str, data: Path) -> None:
    break_it, fact, remedy = REFUSED[case]
    break_it(data)
    before = state_of(data)
    command = [str(INGLE), "up", "--data", str(data), "--port", str(free_port()), *DRIVER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    told = " ".join((done.stdout + done.stderr).split())
    assert (done.returncode, fact in told, remedy in told) == (NO_USE, True, True), told
    assert state_of(data) == before


def break_what_can_be_made_anew(data: Path) -> None:
    """The key's check, the programs' log, the id beside the account, ends of logs, the queue; all modes are too open."""
    for name in ("root-key.check", "programs.log", "queue.sqlite"):
        (data / name).unlink()
    held = json.loads((data / "installation.json").read_text())
    (data / "installation.json").write_text(json.dumps({"account": held["account"]}))
    for path in (data / "logs").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-3])
    for path in (data, *data.glob("*.sqlite")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def break_code_and_logs(data: Path) -> None:
    """Every second chunk is cut, the others and all logs are missing."""
    for number, path in enumerate((data / "chunks").glob("??/*")):
        if number % 2:
            cut(path)
        else:
            path.unlink()
    shutil.rmtree(data / "logs")


@pytest.fixture
def serving(data: Path) -> Iterator[Callable[[], Ingle]]:
    """Start an Ingle on the copy; it is stopped afterwards."""
    started: list[Ingle] = []

    def act() -> Ingle:
        ingle = Ingle(data, arguments=DRIVER)
        ingle.start()
        started.append(ingle)
        return ingle

    yield act
    for ingle in started:
        if ingle.process.poll() is None:
            ingle.stop()


def functions_of(ingle: Ingle) -> list[str]:
    return [one["FunctionName"] for one in ingle.client().list_functions()["Functions"]]


def test_what_can_be_made_anew_is_and_modes_are_mended(data: Path, serving: Callable[[], Ingle]) -> None:
    before = state_of(data)
    break_what_can_be_made_anew(data)
    ingle = serving()
    assert functions_of(ingle) == ["new", "old"]
    assert json.load(ingle.client().invoke(FunctionName="old")["Payload"]) == "old"
    kept = ("credentials.json", "keys/root.key", "root-key.check")
    assert {name: state_of(data)[name] for name in kept} == {name: before[name] for name in kept}
    assert {path.stat().st_mode & 0o077 for path in (data, *data.glob("*.sqlite"))} == {0}
    read_id = "SELECT id FROM installation"
    with contextlib.closing(sqlite3.connect(data / "metadata.sqlite")) as database:
        assert database.execute(read_id).fetchone()[0] == json.loads((data / "installation.json").read_text())["id"]


def test_code_that_is_broken_fails_alone(data: Path, serving: Callable[[], Ingle]) -> None:
    break_code_and_logs(data)
    ingle = serving()
    functions = ingle.client()
    assert functions_of(ingle) == ["new", "old"]
    for name in ("old", "new"):
        with pytest.raises(functions.exceptions.ClientError) as caught:
            functions.invoke(FunctionName=name)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
    functions.update_function_code(FunctionName="old", ZipFile=zip_of({"app.py": SOURCE.format("mended")}))
    functions.get_waiter("function_updated_v2").wait(FunctionName="old", WaiterConfig={"Delay": 0.05})
    assert json.load(functions.invoke(FunctionName="old")["Payload"]) == "mended"


def test_an_older_database_costs_no_code_and_a_newer_one_brings_it_back(
    made: Path, data: Path, serving: Callable[[], Ingle]
) -> None:
    chunks = {path.name for path in (data / "chunks").glob("??/*")}
    newer = (data / "metadata.sqlite").read_bytes()
    shutil.copy(made / "before" / "metadata.sqlite", data / "metadata.sqlite")
    plan = [str(INGLE), "artifacts", "collect", "--data", str(data), "--dry-run"]
    shown = subprocess.run(plan, capture_output=True, text=True, check=True).stdout.splitlines()
    named = {line.split()[-1] for line in shown if line.startswith("set aside ")}
    ingle = serving()
    assert functions_of(ingle) == ["old"]
    ingle.stop()
    aside = {path.name for path in (data / "chunks" / "aside").iterdir()}
    assert aside == named and aside < chunks
    for path in data.glob("metadata.sqlite*"):
        path.unlink()
    (data / "metadata.sqlite").write_bytes(newer)
    ingle = serving()
    assert json.load(ingle.client().invoke(FunctionName="new")["Payload"]) == "new"
    assert not list((data / "chunks" / "aside").iterdir())
