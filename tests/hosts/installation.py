"""Ingle as the guest's unit `ingle.service`: what the tests of the unit and of the reboot share."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from harness import INGLE, TIME_SCALE, Ingle

UNIT = Path("/etc/systemd/system/ingle.service")
DATA_DIR = Path("/var/lib/ingle")
PORT = 9100
CONTROL_GROUP = Path("/sys/fs/cgroup/system.slice/ingle.service")

SOURCE = """
import time
def handler(event, context):
    time.sleep(event or 0)
    return event
"""


def systemctl(*arguments: str, check: bool = True) -> str:
    """Run systemctl and return what it prints."""
    ended = subprocess.run(["systemctl", *arguments], capture_output=True, text=True)
    if check and ended.returncode != 0:
        raise AssertionError(f"systemctl {' '.join(arguments)}: {ended.stderr}{journal()}")
    return ended.stdout.strip()


def journal() -> str:
    """Return the end of what the unit has said."""
    command = ["journalctl", "-u", "ingle.service", "-n", "40", "--no-pager"]
    return subprocess.run(command, capture_output=True, text=True).stdout


def state(name: str) -> str:
    """Return one property of the unit."""
    return systemctl("show", "ingle.service", "-p", name, "--value")


def install(**settings: str) -> None:
    """Install the unit that `ingle unit` prints, with some settings of its service section replaced or added."""
    command = [str(INGLE), "unit", "--data", str(DATA_DIR), "--port", str(PORT)]
    UNIT.write_text(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    folder = UNIT.with_suffix(".service.d")
    folder.mkdir(exist_ok=True)
    (folder / "test.conf").write_text("[Service]\n" + "".join(f"{name}={value}\n" for name, value in settings.items()))
    systemctl("daemon-reload")


def installed() -> Ingle:
    """Return a handle of the installation that the unit serves."""
    ingle = Ingle(DATA_DIR)
    ingle.port = PORT
    return ingle


def wait_for(condition: Callable[[], object], what: str, seconds: float = 10) -> None:
    """Wait until a condition holds. Raises AssertionError with the unit's journal after `seconds`, scaled."""
    end = time.monotonic() + seconds * TIME_SCALE
    while not condition():
        assert time.monotonic() < end, f"{what}: {journal()}"
        time.sleep(0.1)
