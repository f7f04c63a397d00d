"""How many blank environments the spawner keeps."""

from hypothesis import given
from hypothesis import strategies as st

from ingle.spawner.pool import BLANK_MIB, CEILING, FLOOR, MEMORY_MIB, Demand, target


@given(st.floats(0, 1e6), st.integers(0, 1000))
def test_the_target_keeps_floor_ceiling_and_memory(level: float, others: int) -> None:
    wanted = target(level, others)
    assert 0 <= wanted <= CEILING
    assert wanted == 0 or (wanted + others) * BLANK_MIB <= MEMORY_MIB
    if (others + FLOOR) * BLANK_MIB <= MEMORY_MIB:
        assert wanted >= FLOOR


def test_demand_fades_by_half_every_20_seconds() -> None:
    demand = Demand()
    for _ in range(32):
        demand.taken(100.0)
    assert demand.level(100.0) == 32
    assert demand.level(120.0) == 16
    assert demand.level(400.0) < 0.01


@given(st.lists(st.floats(0, 5), max_size=50))
def test_demand_never_exceeds_what_was_asked_for(pauses: list[float]) -> None:
    demand, now = Demand(), 0.0
    for pause in pauses:
        now += pause
        demand.taken(now)
    assert demand.level(now) <= len(pauses)
