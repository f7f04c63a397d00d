"""Fetches what AWS's Python runtimes hold, for every Python that this host has, into .runtimes/python3.X.

That is AWS's runtime client and, as in Lambda, boto3 (Lambda developer guide, "Runtime-included SDK versions"), which is
the same for every Python but the oldest and is fetched once. Wheels are chosen by version; each interpreter then compiles
its own, because nothing can be written where functions see them. A version that AWS ships no wheel for is left out;
`ingle doctor` lists what there is.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ingle.spawner.runtimes import find_pythons

ROOT = Path(__file__).resolve().parent.parent
RUNTIMES = ROOT / ".runtimes"
LOCKS = ROOT / "requirements"
OLDEST = 9


def fetch(minor: int, interpreter: str) -> bool:
    """Fetch for Python 3.`minor`; return whether all of it is there."""
    suffix = "-3.9" if minor == OLDEST else ""
    client, kit = LOCKS / f"runtimes{suffix}.txt", LOCKS / f"sdk{suffix}.txt"
    folder = RUNTIMES / f"python3.{minor}"
    stamp, wanted = folder / ".lock", client.read_text() + kit.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    sys.stdout.write(f"Fetching AWS's runtime client and boto3 for Python 3.{minor}\n")
    sys.stdout.flush()
    shutil.rmtree(folder, ignore_errors=True)
    shared = RUNTIMES / f"sdk{suffix}"
    if not install(client, folder, minor) or not (shared.is_dir() or install(kit, shared, minor)):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    shutil.copytree(shared, folder, copy_function=os.link, dirs_exist_ok=True)
    compile_all(folder, interpreter)
    stamp.write_text(wanted)
    return True


def compile_all(folder: Path, interpreter: str) -> None:
    """Have an interpreter compile what it will import; what it can't, it compiles at each import."""
    command = [interpreter, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, capture_output=True, check=False)


def install(lock: Path, folder: Path, minor: int) -> bool:
    """Have pip put what a lock names into a folder; return whether it could."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    command += ["--target", str(folder), "--python-version", f"3.{minor}", "--only-binary=:all:", "-r", str(lock)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Fetch for every interpreter found."""
    missing = [f"3.{minor}" for minor, interpreter in sorted(find_pythons().items()) if not fetch(minor, interpreter)]
    for shared in RUNTIMES.glob("sdk*"):  # each Python has links of its own
        shutil.rmtree(shared)
    if missing:
        sys.stdout.write(f"no runtime client for Python {', '.join(missing)}: left out\n")


if __name__ == "__main__":
    main()
