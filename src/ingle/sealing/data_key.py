"""Data keys: each seals one object, or the chunks of one."""

import dataclasses
import os

from ingle.values import IngleError


@dataclasses.dataclass(frozen=True, slots=True)
class DataKey:
    """A 256-bit key; its text form shows nothing of it."""

    secret: bytes = dataclasses.field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise IngleError("a data key has 32 bytes")


def new_data_key() -> DataKey:
    """Return a fresh random data key."""
    return DataKey(os.urandom(32))
