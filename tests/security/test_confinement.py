"""Our own programs are confined to their row of the table "who may know what" by the kernel, not by good manners."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from harness import free_port

from ingle.app.supervision.confine import landlock_abi, tell_landlock

pytestmark = pytest.mark.skipif(not landlock_abi(), reason="needs a kernel with Landlock (Linux 5.13)")

PROBE = """
import sys
from pathlib import Path
from ingle.app.supervision.confine import confine
assert confine(read=[Path(sys.argv[1])], write=[Path(sys.argv[2])])
for path in sys.argv[3:]:
    try:
        Path(path).read_bytes()
        print("read", path)
    except PermissionError:
        print("refused", path)
(Path(sys.argv[2]) / "mine").write_text("x")
try:
    (Path(sys.argv[1]) / "not-mine").write_text("x")
except PermissionError:
    print("read only")
"""


def test_a_confined_program_reaches_its_own_files_alone(tmp_path: Path) -> None:
    for name in ("readable", "writable", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
    files = [str(tmp_path / name / "file") for name in ("readable", "writable", "secret")]
    command = [sys.executable, "-c", PROBE, str(tmp_path / "readable"), str(tmp_path / "writable"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"read {files[0]}", f"read {files[1]}", f"refused {files[2]}", "read only"]


PORTS = """
import socket, sys
from ingle.app.supervision.confine import confine
assert confine(read=(), write=(), bind=[int(sys.argv[1])], connect=[int(sys.argv[2])])
for act in ("bind", "connect"):
    for port in map(int, sys.argv[1:4]):
        with socket.socket() as probe:
            try:
                getattr(probe, act)(("127.0.0.1", port))
                print(act, port)
            except PermissionError:
                print("refused", act, port)
"""


@pytest.mark.skipif(landlock_abi() < 4, reason="needs a kernel whose Landlock holds ports (Linux 6.7)")
def test_a_confined_program_uses_its_own_ports_alone() -> None:
    with socket.socket() as listener, socket.socket() as other:
        for one in (listener, other):
            one.bind(("127.0.0.1", 0))
            one.listen()
        free, allowed, forbidden = free_port(), listener.getsockname()[1], other.getsockname()[1]
        command = [sys.executable, "-c", PORTS, str(free), str(allowed), str(forbidden)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        f"bind {free}",
        f"refused bind {allowed}",
        f"refused bind {forbidden}",
        f"refused connect {free}",
        f"connect {allowed}",
        f"refused connect {forbidden}",
    ]


def test_links_refuse_who_has_no_token(tmp_path: Path) -> None:
    from harness import running_ingle

    with running_ingle() as ingle:
        for name in ("worker", "gateway", "control-gateway", "control-worker"):
            socket_path = str(ingle.data_dir / "run" / f"{name}.sock")
            script = (
                "import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
                "s.sendall(b'GET /routing HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); print(s.recv(12).decode())"
            )
            done = subprocess.run([sys.executable, "-c", script, socket_path], capture_output=True, text=True)
            assert done.stdout.strip() == "HTTP/1.1 403", name


SIGNALS = """
import os, socket, sys
from pathlib import Path
from ingle.app.supervision.confine import confine
child = os.fork()
if child == 0:
    confine(read=(), write=())
    for act in (lambda: os.kill(os.getppid(), 0), lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1])):
        try:
            act()
            print("done")
        except PermissionError:
            print("refused")
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.skipif(landlock_abi() < 6, reason="needs Landlock's scopes (Linux 6.12)")
def test_a_confined_program_signals_no_other_and_reaches_no_abstract_socket() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # the kernel chooses an abstract name
        listener.listen()
        name = listener.getsockname().decode("latin-1")
        script = SIGNALS.replace("sys.argv[1]", repr(name))
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["refused", "refused"]


def test_what_landlock_holds_is_told_by_version() -> None:
    assert tell_landlock(0).startswith("missing; not files (Linux 5.13), truncation")
    assert tell_landlock(1) == (
        "version 1: holds files; not truncation (Linux 6.2), TCP ports (Linux 6.7), signals and abstract sockets (Linux 6.12)"
    )
    assert "not" not in tell_landlock(6)
