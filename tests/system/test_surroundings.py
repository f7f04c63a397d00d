"""What surrounds `ingle up` decides nothing: the working directory, PYTHON variables, systemd's socket and `ingle down`."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import INGLE, Ingle, running_ingle

from ingle.app.supervision.confine import landlock_abi

HOSTILE = "import os\nopen({!r}, 'a').write(f'{{__name__}} {{os.getpid()}}\\n')\nraise ImportError('hostile')\n"
NAMES = ("selectors", "json", "uvloop", "msgspec", "socket", "sitecustomize", "usercustomize", "startup")


def test_no_program_runs_what_lies_in_the_working_directory_or_in_python_variables(folder: Path) -> None:
    place, told = folder / "hostile", folder / "executed"
    place.mkdir()
    for name in NAMES:
        (place / f"{name}.py").write_text(HOSTILE.format(str(told)))
    # `ingle` itself is started as its user wants; the programs that it starts are not.
    start = f"import os, sys; os.environ.update(PYTHONPATH={str(place)!r}, PYTHONSTARTUP={str(place / 'startup.py')!r})"
    run = "from ingle.app.main import main; sys.argv[0] = 'ingle'; main()"
    command = [sys.executable, "-I", "-c", f"{start}; os.chdir({str(place)!r}); {run}"]
    own = Ingle(folder / "data")
    own.process = subprocess.Popen([*command, "up", "--data", str(own.data_dir), "--port", str(own.port)])
    try:
        while not own.is_healthy():
            assert own.process.poll() is None
            time.sleep(0.02)
        own.deploy("f", {"app.py": "def handler(event, context):\n    return event\n"})
        assert own.client().invoke(FunctionName="f", Payload=b"1")["Payload"].read() == b"1"
        for pid in (int(pid) for pid in _programs(own)):
            assert os.readlink(f"/proc/{pid}/cwd") == "/"
            variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            assert {one.partition(b"=")[0] for one in variables if one} == {b"PATH", b"LC_ALL"}
            assert "Umask:\t0077" in Path(f"/proc/{pid}/status").read_text()
        assert not told.exists(), told.read_text()
    finally:
        own.stop()


def _programs(ingle: Ingle) -> list[int]:
    from belongings import programs

    return list(programs(ingle).values())


PROBE = """
import sys
from pathlib import Path
from ingle.app.supervision.confine import confine
sys.path[:0] = ["/", ""]
assert confine(read=(), write=())
for path in sys.argv[1:]:
    try:
        Path(path).read_bytes()
        print("read")
    except PermissionError:
        print("refused")
"""


@pytest.mark.skipif(not landlock_abi(), reason="needs a kernel with Landlock (Linux 5.13)")
def test_a_working_directory_of_slash_opens_nothing_to_a_confined_program(folder: Path) -> None:
    (folder / "root.key").write_bytes(bytes(32))
    files = [str(folder / "root.key"), str(Path.home() / ".profile"), "/etc/shadow"]
    held = [path for path in files if Path(path).exists()]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *held], cwd="/", capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout.split() == ["refused"] * len(held)


def test_systemd_is_told_that_ingle_is_ready_lives_and_stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        with running_ingle() as own:
            assert [manager.recv(64) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"WATCHDOG=1"]
            done = subprocess.run([str(INGLE), "down", "--data", str(own.data_dir)], capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (0, "")
            assert own.process.wait(1) == 0
            while (last := manager.recv(64)) == b"WATCHDOG=1":
                pass
            assert last == b"STOPPING=1"
            done = subprocess.run([str(INGLE), "down", "--data", str(own.data_dir)], capture_output=True, text=True)
            assert done.returncode == 1
            assert "no `ingle up` serves" in done.stderr


def test_the_unit_is_one_that_systemd_takes(folder: Path) -> None:
    done = subprocess.run([str(INGLE), "unit", "--data", str(folder / "a b%c"), "--port", "9200"], capture_output=True)
    text = done.stdout.decode()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(line.startswith("[") or "=" in line for line in lines)
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    for name, value in {"Type": "notify", "KillMode": "mixed", "Delegate": "yes", "OOMPolicy": "continue"}.items():
        assert settings[name] == value
    assert settings["ExecStart"].endswith(f"up --data '{folder}/a b%%c' --port 9200")
