"""How much room an installation's disk has left."""

import os
from pathlib import Path

import msgspec

_FULL_BYTES = 64 << 20


class DiskReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is free on the disk of a directory."""

    place: str
    free_bytes: int
    total_bytes: int

    @property
    def is_full(self) -> bool:
        """Whether uploads, events and logs are about to fail."""
        return self.free_bytes < _FULL_BYTES


def read_disk(place: Path) -> DiskReport:
    """Return what is free for a user without privileges where `place` is."""
    told = os.statvfs(place)
    return DiskReport(
        place=str(place), free_bytes=told.f_bavail * told.f_frsize, total_bytes=told.f_blocks * told.f_frsize
    )
