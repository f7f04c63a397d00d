"""Provisioned concurrency: the number is reached whatever happens, and never undercut on the way."""

from hypothesis import given
from hypothesis import strategies as st

from ingle.functions import Alias
from ingle.functions.concurrency import divide
from ingle.gateway.fleet.provisioning import AT_ONCE, Stock, plan

counts = st.integers(0, 40)
stocks = st.builds(Stock, wanted=counts, ready=counts, due=counts, starting=st.integers(0, AT_ONCE))


@given(stocks)
def test_nothing_is_let_go_before_enough_is_there_without_it(stock: Stock) -> None:
    made = plan(stock)
    left = stock.ready - made.release_ready + stock.due - made.release_due
    assert left >= min(stock.wanted, stock.ready + stock.due)
    assert 0 <= made.release_due <= stock.due
    assert 0 <= made.release_ready <= stock.ready


@given(stocks)
def test_no_more_are_made_than_are_wanted_and_few_at_the_same_time(stock: Stock) -> None:
    made = plan(stock)
    assert made.start >= 0
    assert stock.starting + made.start <= AT_ONCE
    if made.start:
        assert stock.ready + stock.starting + made.start <= stock.wanted


@given(stocks, st.lists(st.sampled_from(["crash", "age", "finish"]), max_size=30))
def test_whatever_happens_the_number_is_reached_when_all_that_was_begun_is_finished(
    stock: Stock, events: list[str]
) -> None:
    ready, due, starting = stock.ready, stock.due, stock.starting
    for event in [*events, *["finish"] * 50]:
        if event == "crash" and ready:
            ready -= 1
        elif event == "age" and ready:
            ready, due = ready - 1, due + 1
        elif event == "finish" and starting:
            ready, starting = ready + 1, starting - 1
        made = plan(Stock(wanted=stock.wanted, ready=ready, due=due, starting=starting))
        ready, due, starting = ready - made.release_ready, due - made.release_due, starting + made.start
    assert (ready, due, starting) == (stock.wanted, 0, 0)


@given(st.integers(1, 1000), st.floats(0, 1))
def test_an_alias_divides_all_of_its_units(units: int, weight: float) -> None:
    shares = divide(units, Alias(name="a", function_version="1", weights={"2": weight}))
    assert sum(shares.values()) == units
    assert all(count >= 0 for count in shares.values())
