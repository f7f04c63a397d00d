"""Memory pressure: those go that nobody has needed for longest, and no more than it takes."""

from hypothesis import given
from hypothesis import strategies as st

from ingle.values import MIB
from ingle.worker.host.retirement import Idle, available_bytes, choose

idle_ones = st.lists(
    st.builds(
        Idle,
        identifier=st.binary(min_size=8, max_size=8),
        since_s=st.floats(0, 1000),
        memory_bytes=st.none() | st.integers(0, 200 * MIB),
    ),
    max_size=20,
)


@given(idle_ones, st.integers(-MIB, 3000 * MIB))
def test_no_more_go_than_it_takes_and_the_longest_idle_first(idle: list[Idle], missing: int) -> None:
    chosen = choose(idle, missing)
    freed = [max(one.memory_bytes or 0, MIB) for one in chosen]
    assert sum(freed[:-1]) < max(missing, 1)
    assert sum(freed) >= missing or len(chosen) == len(idle)
    kept = [one for one in idle if one not in chosen]
    assert all(one.since_s <= other.since_s for one in chosen for other in kept)


def test_what_is_available_is_read_from_the_kernel() -> None:
    assert available_bytes(b"MemTotal: 9 kB\nMemAvailable:     2048 kB\n") == 2 * MIB
