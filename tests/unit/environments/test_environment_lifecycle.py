"""The table of an environment's life: every pair of state and event."""

import itertools

import pytest

from ingle.environments import Event, IllegalTransitionError, State, advance
from ingle.environments.lifecycle import NEXT


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_every_pair_is_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in NEXT:
        assert advance(state, event) is NEXT[state, event]
    else:
        with pytest.raises(IllegalTransitionError):
            advance(state, event)


def test_every_state_can_be_reached_and_left_but_the_last() -> None:
    assert set(NEXT.values()) | {State.STARTING} == set(State)
    assert {state for state, _ in NEXT if state is not State.GONE} == set(State) - {State.GONE}


def test_the_only_way_to_serve_is_from_a_state_that_can() -> None:
    for state in State:
        assert state.can_serve == ((state, Event.INVOKE_STARTED) in NEXT)


def test_losing_its_worker_or_its_process_ends_an_environment_whatever_it_does() -> None:
    for state in State:
        assert NEXT[state, Event.WORKER_LOST] is State.GONE
        if state is not State.GONE:
            assert NEXT[state, Event.EXITED] is State.GONE
