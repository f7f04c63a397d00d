"""Which of AWS's runtimes this host has: version and place, or how to get them."""

import dataclasses
import subprocess
from pathlib import Path

from ingle.app.config import packages_dir
from ingle.app.languages.interpreters import find_runtimes
from ingle.spawner.runtimes import Runtime
from ingle.values import AWS_RUNTIMES, how_to_get_runtime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeStatus:
    """A runtime of AWS's list: what was seen of it here ("" for nothing), and how to get it."""

    name: str
    seen: str
    remedy: str


def runtime_statuses() -> list[RuntimeStatus]:
    """Return AWS's runtimes in AWS's order, and what else is here."""
    here = {one.name: one for one in find_runtimes(str(packages_dir()))}
    names = [*AWS_RUNTIMES, *(name for name in here if name not in AWS_RUNTIMES)]
    return [
        RuntimeStatus(name=name, seen=_seen(here[name]) if name in here else "", remedy=how_to_get_runtime(name))
        for name in names
    ]


def _seen(runtime: Runtime) -> str:
    if not runtime.interpreter:
        return "the code brings its own"
    told = subprocess.run([runtime.interpreter, "--version"], capture_output=True, text=True, check=False)
    version = told.stdout.strip().removeprefix("Python ").removeprefix("v")
    return f"{version}, {Path(runtime.interpreter)}"
