"""The extensions of one environment: who they are, what each is doing, and whether all have done what they wanted.

An external extension is a process of its own, known by the name of its file before it runs; an internal one lives within
the runtime and is known once it registers (execution reference, section 4). No I/O: an event is handed to whoever waits
for it by a callback, and kept for one that does not wait yet.
"""

import dataclasses
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum

from ingle.values import IngleError

LIMIT = 10
INVOKE, SHUTDOWN = "INVOKE", "SHUTDOWN"
NOT_LAUNCHED = 126 << 8
"""The wait status of a process that could not become its extension's program (`spawner.zygotes.launch`)."""
_NAME_LIMIT = 256


class State(Enum):
    """Where an extension is in its life; the names are those of its line in the log."""

    STARTED = "Started"
    REGISTERED = "Registered"
    READY = "Ready"
    """It waits for its next event."""
    RUNNING = "Running"
    INIT_ERROR = "InitError"
    EXIT_ERROR = "ExitError"
    EXITED = "Exited"
    LAUNCH_ERROR = "LaunchError"


class Event(Enum):
    """What an extension does."""

    REGISTERED = "register"
    ASKED = "event/next"
    TOLD = "told of an event"
    HUNG_UP = "stopped asking"
    INIT_FAILED = "init/error"
    EXIT_FAILED = "exit/error"
    ENDED = "ended"
    NOT_LAUNCHED = "not launched"


NEXT: Mapping[tuple[State, Event], State] = {
    (State.STARTED, Event.REGISTERED): State.REGISTERED,
    (State.STARTED, Event.NOT_LAUNCHED): State.LAUNCH_ERROR,
    (State.REGISTERED, Event.ASKED): State.READY,
    (State.REGISTERED, Event.INIT_FAILED): State.INIT_ERROR,
    (State.REGISTERED, Event.EXIT_FAILED): State.EXIT_ERROR,
    (State.READY, Event.TOLD): State.RUNNING,
    (State.READY, Event.HUNG_UP): State.RUNNING,
    (State.READY, Event.EXIT_FAILED): State.EXIT_ERROR,
    (State.RUNNING, Event.ASKED): State.READY,
    (State.RUNNING, Event.EXIT_FAILED): State.EXIT_ERROR,
    (State.INIT_ERROR, Event.INIT_FAILED): State.INIT_ERROR,
    (State.EXIT_ERROR, Event.EXIT_FAILED): State.EXIT_ERROR,
    **{(state, Event.ENDED): State.EXITED for state in (State.REGISTERED, State.READY, State.RUNNING)},
}

_ASKED_FOR = {
    Event.REGISTERED: State.REGISTERED, Event.ASKED: State.READY, Event.INIT_FAILED: State.INIT_ERROR,
    Event.EXIT_FAILED: State.EXIT_ERROR,
}  # fmt: skip


class ExtensionRefusedError(IngleError):
    """What an extension asks for is not to be had; `error_type` is the API's."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


@dataclasses.dataclass(slots=True, kw_only=True, eq=False)
class Extension:
    """One extension. `number` is that of its process, 0 for an internal one, which has none of its own."""

    name: str
    number: int
    identifier: str
    events: Sequence[str] = ()
    state: State = State.STARTED
    error_type: str = ""
    _waiting: Callable[[bytes], None] | None = None
    _pending: bytes | None = None

    @property
    def is_external(self) -> bool:
        return self.number > 0

    def does(self, event: Event) -> None:
        """Go on. Raises ExtensionRefusedError where its state doesn't allow that."""
        following = NEXT.get((self.state, event))
        if following is None:
            raise ExtensionRefusedError(
                "Extension.InvalidExtensionState",
                f"State transition from {self.state.value} to {_ASKED_FOR.get(event, self.state).value} failed for"
                f" extension {self.name}. Error: State transition is not allowed",
            )
        self.state = following

    def ask(self, waiting: Callable[[bytes], None]) -> None:
        """It asks for its next event, which `waiting` is called with. Raises ExtensionRefusedError."""
        self.does(Event.ASKED)
        self._waiting = waiting
        self._deliver()

    def hang_up(self, waiting: Callable[[bytes], None]) -> None:
        """It has closed the connection on which it asked."""
        if self._waiting is waiting:
            self._waiting = None
            if self.state is State.READY:
                self.does(Event.HUNG_UP)

    def tell(self, event: bytes) -> None:
        """Tell it of an event, now or when it asks."""
        self._pending = event
        self._deliver()

    def _deliver(self) -> None:
        if self._waiting is not None and self._pending is not None and self.state is State.READY:
            waiting, event = self._waiting, self._pending
            self._waiting = self._pending = None
            self.does(Event.TOLD)
            waiting(event)

    def forget_event(self) -> None:
        """What it has not asked for in time it isn't told any more."""
        self._pending = None

    @property
    def is_done(self) -> bool:
        """Whether it waits for its next event, having been told of all others."""
        return self.state is State.READY and self._pending is None


class Extensions:
    """The extensions that an environment has since its last init."""

    def __init__(self) -> None:
        self._all: list[Extension] = []
        self._is_open = False
        self.first_error = ""
        """The type of the first error that an extension has told of itself; its exit is expected."""

    def __iter__(self) -> Iterator[Extension]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def begin(self, names: Sequence[str]) -> None:
        """Begin an init with the external extensions of these names, whose processes are numbered from 1."""
        self._all = [
            Extension(name=name, number=number, identifier=str(uuid.uuid4())) for number, name in enumerate(names, 1)
        ]
        self._is_open = True
        self.first_error = ""

    def close_registration(self) -> None:
        """The runtime has done its part of init: nobody registers any more."""
        self._is_open = False

    def check_name(self, name: str) -> None:
        """Raises ExtensionRefusedError where nobody of this name may register now."""
        if not name or len(name) > _NAME_LIMIT:
            raise ExtensionRefusedError("Extension.InvalidExtensionName", "Empty extension name")
        if not self._is_open and not any(one.is_external and one.name == name for one in self._all):
            raise ExtensionRefusedError("Extension.RegistrationClosed", "Extension registration closed already")

    def register(self, name: str, events: Sequence[str]) -> Extension:
        """Register an external extension by its file's name, or an internal one. Raises ExtensionRefusedError."""
        self.check_name(name)
        known = next((one for one in self._all if one.name == name), None)
        is_external = known is not None and known.is_external
        for event in events:
            _check_event(event, is_external=is_external)
        if known is None:
            if len(self._all) >= LIMIT:
                raise ExtensionRefusedError("Extension.TooManyExtensions", f"Extension limit ({LIMIT}) reached")
            known = Extension(name=name, number=0, identifier=str(uuid.uuid4()))
            self._all.append(known)
        elif not is_external:
            raise ExtensionRefusedError(
                "Extension.InvalidExtensionState", "Extension with this name already registered"
            )
        known.does(Event.REGISTERED)
        known.events = tuple(dict.fromkeys(events))
        return known

    def find(self, identifier: str) -> Extension:
        """Return who has an identifier. Raises ExtensionRefusedError."""
        if not identifier:
            raise ExtensionRefusedError(
                "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"
            )
        try:
            given = str(uuid.UUID(identifier))
        except ValueError:
            raise ExtensionRefusedError(
                "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"
            ) from None
        for extension in self._all:
            if extension.identifier == given and extension.state is not State.STARTED:
                return extension
        raise ExtensionRefusedError("Extension.UnknownExtensionIdentifier", f"Unknown extension {given}")

    def fail(self, extension: Extension, event: Event, error_type: str) -> None:
        """An extension tells that it can't go on; it exits next. Raises ExtensionRefusedError."""
        extension.does(event)
        extension.error_type = extension.error_type or error_type
        kind = "Extension.InitError" if event is Event.INIT_FAILED else "Extension.ExitError"
        self.first_error = self.first_error or kind

    @property
    def have_registered(self) -> bool:
        """Whether every external extension has registered, so that the runtime may start."""
        return not any(one.state is State.STARTED for one in self._all)

    @property
    def are_done(self) -> bool:
        """Whether every extension waits for what comes next."""
        return all(one.is_done for one in self._all)

    @property
    def have_served(self) -> bool:
        """Whether every extension that hears of invocations has done its part of the last one."""
        return all(one.is_done for one in self._all if INVOKE in one.events)

    @property
    def has_external(self) -> bool:
        return any(one.is_external for one in self._all)

    def invoke(self, event: bytes) -> None:
        """Tell of an invocation those that want to hear of it."""
        for extension in self._all:
            if INVOKE in extension.events:
                extension.tell(event)

    def ended(self, number: int, status: int) -> str:
        """An external extension's process has ended; return the type of the error that this is."""
        extension = next(one for one in self._all if one.number == number)
        error_type = "Extension.Crash"
        if extension.state is State.STARTED:
            if status == NOT_LAUNCHED:
                error_type = "Extension.LaunchError"
                extension.does(Event.NOT_LAUNCHED)
        elif extension.state in (State.REGISTERED, State.READY, State.RUNNING):
            extension.does(Event.ENDED)
        extension.error_type = extension.error_type or error_type
        return error_type

    def shut_down(self, event: bytes) -> list[Extension]:
        """Tell of the shutdown those that want to hear of it and still run; return them."""
        told = [
            one for one in self._all if SHUTDOWN in one.events and one.is_external and one.state is not State.EXITED
        ]
        for extension in told:
            extension.forget_event()
            extension.tell(event)
        return told


def _check_event(event: str, *, is_external: bool) -> None:
    if event not in (INVOKE, SHUTDOWN):
        raise ExtensionRefusedError("Extension.InvalidEventType", f"{event}: ErrorInvalidEventType")
    if event == SHUTDOWN and not is_external:
        raise ExtensionRefusedError(
            "Extension.InvalidEventType", f"{event}: ShutdownEventNotSupportedForInternalExtension"
        )
