"""Packages that a function's directory asks for: those that are not in it, and a place to install them for its runtime.

Only requirements.txt and package.json count. What Lambda's runtimes hold themselves need not be in the directory.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ingle.values import IngleError

_REQUIREMENTS, _MANIFEST = "requirements.txt", "package.json"
_NPM_FILES = (_MANIFEST, "package-lock.json", "npm-shrinkwrap.json", ".npmrc")
_IN_PYTHONS = frozenset({"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"})
_IN_NODES = "@aws-sdk/"
_GLIBCS = ("2_34", "2_28", "2_17")
"""The tags of wheels for Amazon Linux 2023 and older."""


class NotBuiltError(IngleError):
    """A function's packages can't be installed; the text says why."""


def missing_packages(directory: Path) -> list[str]:
    """Return the packages that a directory asks for and that neither it nor Lambda's runtimes hold."""
    return [*_missing_of_python(directory), *_missing_of_node(directory)]


def _missing_of_python(directory: Path) -> list[str]:
    try:
        lines = (directory / _REQUIREMENTS).read_text().splitlines()
    except OSError:
        return []
    found = {_plain(path.name.removesuffix(".py").split("-")[0]) for path in directory.iterdir()}
    named = [match.group() for line in lines if (match := re.match(r"[A-Za-z0-9][\w.-]*", line))]
    return [name for name in named if _plain(name) not in found and _plain(name) not in _IN_PYTHONS]


def _plain(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _missing_of_node(directory: Path) -> list[str]:
    try:
        wanted = json.loads((directory / _MANIFEST).read_text()).get("dependencies", {})
    except (OSError, ValueError, AttributeError):
        return []
    modules = directory / "node_modules"
    return [name for name in wanted if not name.startswith(_IN_NODES) and not (modules / name).exists()]


def build(directory: Path, runtime: str) -> Path | None:
    """Install what a directory asks for into a cache, for a runtime on this machine; return where, None for nothing.

    What was installed once is taken from there. Raises NotBuiltError.
    """
    is_node = runtime.startswith("nodejs")
    files = [directory / name for name in (_NPM_FILES if is_node else (_REQUIREMENTS,))]
    if not files[0].exists():
        return None
    told = {file.name: file.read_text() for file in files if file.exists()}
    key = hashlib.sha256(json.dumps([runtime, platform.machine(), told]).encode()).hexdigest()
    made = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ingle" / "builds" / key[:32]
    if made.is_dir():
        return made
    made.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=made.parent) as place:
        folder = Path(place) / "packages"
        folder.mkdir()
        _install_for_node(folder, told) if is_node else _install_for_python(directory, folder, runtime)
        folder.replace(made)
    return made


def _install_for_python(directory: Path, folder: Path, runtime: str) -> None:
    machine, version = platform.machine(), runtime.removeprefix("python")
    command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
    command += ["--target", str(folder), "--implementation", "cp", "--python-version", version, "--only-binary=:all:"]
    for tag in (*(f"manylinux_{glibc}_{machine}" for glibc in _GLIBCS), f"manylinux2014_{machine}"):
        command += ["--platform", tag]
    _run([*command, "-r", _REQUIREMENTS], directory)


def _install_for_node(folder: Path, files: dict[str, str]) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotBuiltError("--build takes npm for a function in Node.js, and npm is not on PATH")
    for name, text in files.items():
        (folder / name).write_text(text)
    is_locked = not files.keys().isdisjoint(_NPM_FILES[1:3])
    _run([npm, "ci" if is_locked else "install", "--omit=dev", "--no-audit", "--no-fund", "--silent"], folder)
    for name in {*files, *_NPM_FILES} - {_MANIFEST}:
        (folder / name).unlink(missing_ok=True)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "it failed").splitlines()
        raise NotBuiltError(f"{Path(command[0]).name}: {lines[-1]}")
