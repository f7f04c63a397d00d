"""A runtime as the spawner is told of it: it finds none by itself."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A runtime: AWS's name, the interpreter (empty for `provided`), and its prefix (empty within /usr)."""

    name: str
    interpreter: str = ""
    prefix: str = ""
