"""A runtime as the spawner is told of it: it finds none by itself."""

from __future__ import annotations

import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A runtime: AWS's name, the interpreter (empty for `provided`), and its prefix (empty within /usr)."""

    name: str
    interpreter: str = ""
    prefix: str = ""

    @property
    def fingerprint(self) -> int:
        """Name this runtime in messages, in 63 bits: the same in each process, whatever other runtimes there are."""
        parts = "\0".join((self.name, self.interpreter, self.prefix))
        return int.from_bytes(hashlib.sha256(parts.encode()).digest()[:8], "little") >> 1
