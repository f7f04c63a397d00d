"""The life of an execution environment, as one table. What is absent is refused."""

from collections.abc import Mapping
from enum import Enum


class State(Enum):
    """Where an environment is in its life."""

    STARTING = "starting"
    INITIALIZING = "initializing"
    FAILED = "failed"
    """Nothing runs in it, because its init failed or it was reset; its next invocation begins with an init."""
    IDLE = "idle"
    FROZEN = "frozen"
    """Idle, and what is in it makes no progress."""
    BUSY = "busy"
    STOPPING = "stopping"
    GONE = "gone"

    @property
    def can_serve(self) -> bool:
        return self in (State.IDLE, State.FROZEN, State.FAILED)


class Event(Enum):
    """What happens to an environment."""

    SPAWNED = "spawned"
    INIT_FINISHED = "init finished"
    INIT_FAILED = "init failed"
    INVOKE_STARTED = "invoke started"
    INVOKE_FINISHED = "invoke finished"
    RESET = "reset"
    """A timeout or a crash: everything that runs in it is killed, its /tmp stays."""
    FROZE = "froze"
    STOP_REQUESTED = "stop requested"
    EXITED = "exited"
    WORKER_LOST = "worker lost"


class IllegalTransitionError(RuntimeError):
    """The table has no such transition: a mistake of our own code."""


_ALIVE = tuple(state for state in State if state is not State.GONE)

NEXT: Mapping[tuple[State, Event], State] = {
    (State.STARTING, Event.SPAWNED): State.INITIALIZING,
    (State.INITIALIZING, Event.INIT_FINISHED): State.IDLE,
    (State.INITIALIZING, Event.INIT_FAILED): State.FAILED,
    (State.IDLE, Event.INVOKE_STARTED): State.BUSY,
    (State.FAILED, Event.INVOKE_STARTED): State.BUSY,
    (State.BUSY, Event.INVOKE_FINISHED): State.IDLE,
    (State.BUSY, Event.RESET): State.FAILED,
    (State.IDLE, Event.RESET): State.FAILED,
    (State.IDLE, Event.FROZE): State.FROZEN,
    (State.FROZEN, Event.INVOKE_STARTED): State.BUSY,
    (State.FROZEN, Event.RESET): State.FAILED,
    **{(state, Event.STOP_REQUESTED): State.STOPPING for state in _ALIVE},
    **{(state, Event.EXITED): State.GONE for state in _ALIVE},
    **{(state, Event.WORKER_LOST): State.GONE for state in State},
}


def advance(state: State, event: Event) -> State:
    """Return the state that follows. Raises IllegalTransitionError where there is none."""
    try:
        return NEXT[state, event]
    except KeyError:
        raise IllegalTransitionError(f"an environment that is {state.value} can't have {event.value}") from None
