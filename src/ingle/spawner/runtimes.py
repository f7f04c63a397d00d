"""Finds the runtimes that this host can offer. Nothing is executed: paths and names tell enough."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

NODE_NAMES = {"16": "nodejs16.x", "18": "nodejs18.x", "20": "nodejs20.x", "22": "nodejs22.x", "24": "nodejs24.x"}
_PYTHON = re.compile(r"python3\.(\d+)")


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A runtime: AWS's name, the interpreter (empty for `provided`), and its prefix (empty within /usr)."""

    name: str
    interpreter: str = ""
    prefix: str = ""


def find_runtimes(packages: str) -> list[Runtime]:
    """Return what this host offers, in a fixed order.

    A Python is offered where `packages`/python3.X holds AWS's runtime client for it.
    """
    found = [
        Runtime(name=f"python3.{minor}", interpreter=path, prefix=_prefix(path))
        for minor, path in sorted(find_pythons().items())
        if Path(packages, f"python3.{minor}", "awslambdaric").is_dir()
    ]
    node = shutil.which("node")
    if node is not None:
        real = os.path.realpath(node)
        name = NODE_NAMES.get(_node_major(real))
        if name is not None:
            found.append(Runtime(name=name, interpreter=real, prefix=_prefix(real)))
    return [*found, Runtime(name="provided.al2023"), Runtime(name="provided.al2")]


def _prefix(interpreter: str) -> str:
    prefix = os.path.dirname(os.path.dirname(interpreter))
    return "" if prefix == "/usr" else prefix


def find_pythons() -> dict[int, str]:
    """Return interpreters by minor version: those of pyenv and uv first, then those on PATH."""
    home = Path.home()
    folders = [
        *sorted((home / ".pyenv" / "versions").glob("3.*/bin"), key=_by_version, reverse=True),
        *sorted((home / ".local" / "share" / "uv" / "python").glob("cpython-3.*/bin"), key=_by_version, reverse=True),
        *map(Path, os.environ.get("PATH", "").split(":")),
        Path("/usr/bin"),
        Path("/usr/local/bin"),
    ]
    found: dict[int, str] = {}
    for folder in folders:
        for minor in range(9, 16):
            path = folder / f"python3.{minor}"
            if minor not in found and _is_program(path):
                found[minor] = os.path.realpath(path)
    return found


def _by_version(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", folder.parent.name)]


def _is_program(path: Path) -> bool:
    """Say whether a path is a real program; pyenv puts scripts of the same names on PATH."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _node_major(interpreter: str) -> str:
    """Read node's major version from the header that is installed beside it, or from its folder's name."""
    header = Path(interpreter).parent.parent / "include" / "node" / "node_version.h"
    try:
        match = re.search(r"NODE_MAJOR_VERSION (\d+)", header.read_text())
    except OSError:
        match = re.search(r"v?(\d+)\.\d+\.\d+", interpreter)
    return match.group(1) if match else ""
