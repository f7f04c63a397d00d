"""Settings of a worker."""

from typing import Literal

import msgspec

from ingle.links.tokens import Links


class RuntimeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A runtime that the host offers; the spawner knows it by its `fingerprint`."""

    fingerprint: int
    name: str
    interpreter: str


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a worker is told at its start."""

    run_dir: str
    socket: str
    """The name of its own socket in `run_dir`."""
    chunks_dir: str
    packages_dir: str
    driver: Literal["sandbox", "sandbox-rootless", "process"]
    insecure: bool
    keep_free_mib: int
    runtimes: list[RuntimeEntry]
    links: Links
    drain_s: float = 900.0
