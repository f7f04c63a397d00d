"""Fetches what AWS's runtimes hold beside their interpreter, into a folder for each: AWS's client and AWS's SDK.

Of Python that is `awslambdaric` and boto3, as wheels, for every Python that this host has (Lambda developer guide,
"Runtime-included SDK versions"). Each interpreter compiles its own, because nothing can be written where functions see
them. Of Node.js it is what `node_fetching` says. Versions and hashes are in `locks`. A runtime that can't be fetched is
left out, with the reason.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingle.app.languages.interpreters import NODE_NAMES, find_nodes, find_pythons
from ingle.app.languages.node_fetching import fetch_node
from ingle.cli.output import say
from ingle.values import how_to_get_runtime

LOCKS = Path(__file__).resolve().parent / "locks"
_OLDEST = 9


def fetch(names: Sequence[str], packages: Path) -> list[str]:
    """Fetch the named runtimes, or those of every interpreter here for none; return why some could not be."""
    pythons = {f"python3.{minor}": minor for minor in find_pythons()}
    nodes = {f"nodejs{major}.x" for major in find_nodes(str(packages))} & set(NODE_NAMES.values())
    wanted = list(names) or [*pythons, *sorted(nodes)]
    before = os.umask(0o022)  # functions read it, and they are nobody of ours
    try:
        return _fetch(wanted, pythons, packages)
    finally:
        os.umask(before)


def _fetch(wanted: list[str], pythons: dict[str, int], packages: Path) -> list[str]:
    packages.mkdir(parents=True, exist_ok=True)
    one_after_the_other: list[Callable[[], list[str]]] = [
        lambda: _fetch_pythons([pythons[name] for name in wanted if name in pythons], packages),
        lambda: [fetch_node(name, packages) for name in wanted if name in NODE_NAMES.values()],
    ]
    with ThreadPoolExecutor() as pool:
        problems = [problem for found in pool.map(lambda act: act(), one_after_the_other) for problem in found]
    missing = [name for name in wanted if name not in pythons and name not in NODE_NAMES.values()]
    return [*filter(None, problems), *(f"{name}: {how_to_get_runtime(name)}" for name in missing)]


def _fetch_pythons(minors: list[int], packages: Path) -> list[str]:
    problems = [_fetch_python(minor, packages) for minor in sorted(minors)]
    for shared in packages.glob("sdk*"):  # each Python has links of its own
        if shared.name != "sdk-nodejs":
            shutil.rmtree(shared)
    return problems


def _fetch_python(minor: int, packages: Path) -> str:
    """Fetch for Python 3.`minor`; return why it could not be done."""
    suffix = "-3.9" if minor == _OLDEST else ""
    client, kit = LOCKS / f"python{suffix}.txt", LOCKS / f"sdk{suffix}.txt"
    folder = packages / f"python3.{minor}"
    stamp, wanted = folder / ".lock", client.read_text() + kit.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return ""
    say(f"Fetching AWS's runtime client and boto3 for Python 3.{minor}")
    shutil.rmtree(folder, ignore_errors=True)
    shared = packages / f"sdk{suffix}"
    if not _install(client, folder, minor) or not (shared.is_dir() or _install(kit, shared, minor)):
        shutil.rmtree(folder, ignore_errors=True)
        return f"python3.{minor}: pip finds no wheel of AWS's runtime client for it"
    shutil.copytree(shared, folder, copy_function=os.link, dirs_exist_ok=True)
    _compile_all(folder, find_pythons()[minor])
    stamp.write_text(wanted)
    return ""


def _compile_all(folder: Path, interpreter: str) -> None:
    """Have an interpreter compile what it will import; what it can't, it compiles at each import."""
    command = [interpreter, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)]
    subprocess.run(command, capture_output=True, check=False)


def _install(lock: Path, folder: Path, minor: int) -> bool:
    """Have pip put what a lock names into a folder; return whether it could."""
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    command += ["--target", str(folder), "--python-version", f"3.{minor}", "--only-binary=:all:", "-r", str(lock)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
