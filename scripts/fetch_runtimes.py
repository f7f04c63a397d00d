"""Fetches AWS's runtime client for every Python that this host has, into .runtimes/python3.X.

Interpreters are only looked for, never run: the wheels are chosen by version. A version that AWS ships no wheel for
is left out; `ingle doctor` lists what there is.
"""

import subprocess
import sys
from pathlib import Path

from ingle.spawner.runtimes import find_pythons

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "runtimes.txt"
OLD_LOCK = ROOT / "requirements" / "runtimes-3.9.txt"


def fetch(minor: int) -> bool:
    """Fetch the client for Python 3.`minor`; return whether it is there."""
    folder = ROOT / ".runtimes" / f"python3.{minor}"
    lock = OLD_LOCK if minor == 9 else LOCK
    stamp = folder / ".lock"
    if stamp.exists() and stamp.read_text() == lock.read_text():
        return True
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--upgrade"]
    command += ["--target", str(folder), "--python-version", f"3.{minor}", "--only-binary=:all:", "-r", str(lock)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        return False
    stamp.write_text(lock.read_text())
    return True


def main() -> None:
    """Fetch for every interpreter found."""
    missing = [f"3.{minor}" for minor in sorted(find_pythons()) if not fetch(minor)]
    if missing:
        sys.stdout.write(f"no runtime client for Python {', '.join(missing)}: left out\n")


if __name__ == "__main__":
    main()
