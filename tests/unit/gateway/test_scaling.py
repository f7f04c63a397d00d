"""Scaling: never more than a thousand environments at once and a hundred a second of one function."""

from hypothesis import given
from hypothesis import strategies as st

from ingle.gateway.fleet.scaling import BURST, PERIOD_S, Scaling

FUNCTION, OTHER = ("0", "r", "f"), ("0", "r", "g")


def taken(scaling: Scaling, wanted: int, now_s: float) -> int:
    return sum(scaling.take(FUNCTION, now_s) for _ in range(wanted))


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 1500)), max_size=12))
def test_no_stretch_of_time_has_more_than_its_allowance(steps: list[tuple[float, int]]) -> None:
    scaling, now_s = Scaling(), 100.0
    made: list[tuple[float, int]] = []
    for pause_s, wanted in steps:
        now_s += pause_s
        made.append((now_s, taken(scaling, wanted, now_s)))
        scaling.forget_rested(now_s)
    for first, (began_s, _) in enumerate(made):
        for last, (ended_s, _) in enumerate(made[first:], first):
            allowed = BURST + (ended_s - began_s) * BURST / PERIOD_S
            assert sum(count for _, count in made[first : last + 1]) <= allowed + 1e-6


def test_the_allowance_comes_back_and_is_not_saved_up() -> None:
    scaling = Scaling()
    assert taken(scaling, 5000, 50.0) == BURST
    assert taken(scaling, 5000, 51.0) == BURST / PERIOD_S
    assert taken(scaling, 5000, 1000.0) == BURST


def test_functions_do_not_take_it_from_one_another() -> None:
    scaling = Scaling()
    assert taken(scaling, 2000, 1.0) == BURST
    assert scaling.take(OTHER, 1.0)


def test_what_could_not_be_made_is_given_back() -> None:
    scaling = Scaling()
    taken(scaling, BURST, 1.0)
    scaling.give_back(FUNCTION)
    assert taken(scaling, 5, 1.0) == 1
