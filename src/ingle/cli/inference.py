"""What a directory of code is called, and which runtime and handler it is for."""

import re
import shutil
import subprocess
import zipfile
from pathlib import Path

_PYTHON_ENTRIES = ("app.py", "lambda_function.py", "main.py", "handler.py", "index.py")
_NODE_ENTRIES = ("index.mjs", "index.js", "index.cjs", "app.mjs", "app.js")
_PYTHON_HANDLERS = ("lambda_handler", "handler", "main")
_OLDEST_NODE = "nodejs20.x"


def name_of(path: Path) -> str:
    """Return what a function or stack is called that comes from a directory or file, where nobody says."""
    return re.sub(r"[^a-zA-Z0-9-_]", "-", path.resolve().stem)


def infer(code: Path) -> tuple[str, str] | None:
    """Return (runtime, handler) by what lies in a directory or zip; None where nothing tells."""
    directory = code if code.is_dir() else _inside(code)
    if directory is None:
        return None
    if (directory / "bootstrap").exists():
        return "provided.al2023", "bootstrap"
    for entry in _PYTHON_ENTRIES:
        if (directory / entry).exists():
            return _host_python(), f"{Path(entry).stem}.{_python_handler(directory / entry)}"
    for entry in _NODE_ENTRIES:
        if (directory / entry).exists():
            return _host_node(), f"{Path(entry).stem}.handler"
    return None


def _inside(code: Path) -> zipfile.Path | None:
    try:
        return zipfile.Path(code)
    except zipfile.BadZipFile:
        return None


def _python_handler(path: Path | zipfile.Path) -> str:
    defined = set(re.findall(r"^(?:async )?(?:def )?(\w+)\b(?=\s*[(=])", path.read_text(errors="replace"), re.M))
    return next((name for name in _PYTHON_HANDLERS if name in defined), "handler")


def _host_python() -> str:
    """Return the runtime of a Python that this host has: 3.11, which `ingle` itself runs on, if it can."""
    for minor in (11, 12, 13, 14):
        if shutil.which(f"python3.{minor}"):
            return f"python3.{minor}"
    return "python3.11"


def _host_node() -> str:
    node = shutil.which("node")
    if node is None:
        return _OLDEST_NODE
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = re.match(r"v(\d+)\.", told)
    return f"nodejs{major.group(1)}.x" if major else _OLDEST_NODE
