"""What becomes of chunks that nothing names: they are set aside for a week, and only then deleted.

The evidence that a chunk is garbage is a database that does not name it. A database may be an older copy, so evidence alone
deletes nothing: what a newer copy names again is taken back.
"""

import dataclasses
from collections.abc import Collection, Mapping

from ingle.artifacts.chunks.contract import ChunkStore

KEPT_ASIDE_MS = 7 * 24 * 3600 * 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPlan:
    """Names of chunks, by what is to be done with them."""

    set_aside: tuple[str, ...] = ()
    """Nothing names them."""
    take_back: tuple[str, ...] = ()
    """They were set aside, and something names them."""
    delete: tuple[str, ...] = ()
    """They have been aside for long, and nothing names them."""

    def execute(self, chunks: ChunkStore, now_ms: int) -> None:
        """Do it; may be repeated."""
        for name in self.take_back:
            chunks.take_back(name)
        for name in self.set_aside:
            chunks.set_aside(name, now_ms)
        for name in self.delete:
            chunks.delete_aside(name)


def plan_collection(
    named: Collection[str], stored: Collection[str], aside: Mapping[str, int], now_ms: int
) -> CollectionPlan:
    """Decide about all chunks: `named` are those that something needs, `aside` tells since when each is set aside."""
    return CollectionPlan(
        set_aside=tuple(sorted(set(stored) - set(named))),
        take_back=tuple(sorted(name for name in aside if name in named)),
        delete=tuple(
            sorted(name for name, at_ms in aside.items() if name not in named and at_ms <= now_ms - KEPT_ASIDE_MS)
        ),
    )
