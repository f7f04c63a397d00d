"""The extensions of an environment: who may register, ask and hear of what, and how a shutdown goes."""

import asyncio
import json
import socket
from collections.abc import Callable

import pytest

from ingle.worker.apis.extensions import (
    LIMIT,
    NEXT,
    NOT_LAUNCHED,
    Event,
    Extension,
    ExtensionRefusedError,
    Extensions,
    State,
)
from ingle.worker.drivers import RUNTIME
from ingle.worker.environment import shutdown
from ingle.worker.environment.shutdown import Living, ShutdownPlan, plan_shutdown, shut_down
from ingle.worker.journal.telemetry_delivery import TelemetryHub


def with_external(*names: str) -> Extensions:
    made = Extensions()
    made.begin(names)
    return made


def asking(extension: Extension) -> list[bytes]:
    heard: list[bytes] = []
    extension.ask(heard.append)
    return heard


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_pair_of_state_and_event_is_in_the_table_or_refused(state: State, event: Event) -> None:
    extension = Extension(name="x", number=1, identifier="i", state=state)
    if (state, event) in NEXT:
        extension.does(event)
        assert extension.state is NEXT[state, event]
        return
    with pytest.raises(ExtensionRefusedError) as refused:
        extension.does(event)
    assert refused.value.error_type == "Extension.InvalidExtensionState"
    assert extension.state is state


def test_the_runtime_may_start_once_every_external_extension_has_registered() -> None:
    extensions = with_external("a", "b")
    assert not extensions.have_registered
    extensions.register("a", ["INVOKE"])
    assert not extensions.have_registered
    extensions.register("b", ["INVOKE", "SHUTDOWN"])
    assert extensions.have_registered
    assert not extensions.are_done


def test_an_invocation_ends_when_those_who_hear_of_it_have_asked_for_the_next() -> None:
    extensions = with_external("a", "b")
    first, second = extensions.register("a", ["INVOKE"]), extensions.register("b", [])
    heard = asking(first)
    asking(second)
    assert extensions.are_done
    extensions.invoke(b"one")
    assert heard == [b"one"]
    assert not extensions.have_served
    heard = asking(first)
    assert heard == []
    assert extensions.have_served


def test_an_event_waits_for_an_extension_that_has_hung_up() -> None:
    extensions = with_external("a")
    extension = extensions.register("a", ["INVOKE"])
    heard: list[bytes] = []
    waiting = heard.append
    extension.ask(waiting)
    extension.hang_up(lambda _: None)  # an older connection of its
    assert extension.state is State.READY
    extension.hang_up(waiting)
    extensions.invoke(b"one")
    assert heard == []
    assert not extensions.have_served
    assert asking(extension) == [b"one"]


def test_who_fails_while_another_of_its_requests_asks_holds_up_neither_an_event_nor_the_end() -> None:
    extensions = with_external("a")
    one = extensions.register("a", ["INVOKE", "SHUTDOWN"])
    heard = asking(one)
    extensions.fail(one, Event.EXIT_FAILED, "x")
    extensions.invoke(b"event")
    assert not extensions.have_served
    assert extensions.shut_down(b"end") == [one]
    assert heard == []


def test_nobody_is_found_by_an_identifier_that_is_not_theirs() -> None:
    extensions = with_external("a", "b")
    first = extensions.register("a", [])
    unregistered = next(one for one in extensions if one.name == "b")
    assert extensions.find(first.identifier.upper()) is first
    for identifier, error_type in (
        ("", "Extension.MissingExtensionIdentifier"),
        ("a", "Extension.InvalidExtensionIdentifier"),
        ("00000000-0000-4000-8000-000000000000", "Extension.UnknownExtensionIdentifier"),
        (unregistered.identifier, "Extension.UnknownExtensionIdentifier"),
    ):
        with pytest.raises(ExtensionRefusedError) as refused:
            extensions.find(identifier)
        assert refused.value.error_type == error_type


def test_a_new_init_knows_no_identifier_of_the_one_before() -> None:
    extensions = with_external("a")
    old = extensions.register("a", []).identifier
    extensions.begin(["a"])
    extensions.register("a", [])
    with pytest.raises(ExtensionRefusedError):
        extensions.find(old)


@pytest.mark.parametrize(
    ("name", "events", "error_type"),
    [
        ("", [], "InvalidExtensionName"),
        ("x" * 257, [], "InvalidExtensionName"),
        ("inner", ["SHUTDOWN"], "InvalidEventType"),
        ("external", ["START"], "InvalidEventType"),
        ("known", [], "InvalidExtensionState"),
        ("external", [], ""),
        ("external", ["SHUTDOWN", "INVOKE"], ""),
        ("inner", ["INVOKE"], ""),
    ],
)
def test_who_may_register_for_what(name: str, events: list[str], error_type: str) -> None:
    extensions = with_external("external")
    extensions.register("known", [])
    if not error_type:
        assert extensions.register(name, events).state is State.REGISTERED
        return
    with pytest.raises(ExtensionRefusedError) as refused:
        extensions.register(name, events)
    assert refused.value.error_type == f"Extension.{error_type}"


def test_internal_extensions_register_up_to_the_limit_and_until_the_runtime_is_ready() -> None:
    extensions = with_external("external")
    for number in range(LIMIT - 1):
        extensions.register(str(number), [])
    with pytest.raises(ExtensionRefusedError, match=r"Extension limit \(10\) reached"):
        extensions.register("eleventh", [])
    extensions.close_registration()
    with pytest.raises(ExtensionRefusedError, match="closed already"):
        extensions.register("late", [])


def test_the_first_error_that_is_told_explains_the_end() -> None:
    extensions = with_external("a", "b", "c")
    first, second = extensions.register("a", []), extensions.register("b", [])
    extensions.fail(first, Event.INIT_FAILED, "Mine.First")
    extensions.fail(second, Event.EXIT_FAILED, "Mine.Second")
    assert extensions.first_error == "Extension.InitError"
    assert extensions.ended(1, 1 << 8) == "Extension.Crash"
    assert first.error_type == "Mine.First"
    assert extensions.ended(3, NOT_LAUNCHED) == "Extension.LaunchError"


class Recorder:
    """Processes that do nothing but write down what they are told."""

    def __init__(self) -> None:
        self.on_end: Callable[[int, int], None] = lambda number, status: None
        self.on_link: Callable[[socket.socket], None] = lambda link: None
        self.told: list[object] = []

    def start(self, number: int) -> None:
        self.told.append(("start", number))

    def terminate(self, number: int) -> None:
        self.told.append(("terminate", number))

    async def reset(self) -> None:
        self.told.append("reset")

    async def connect(self, port: int) -> socket.socket:
        raise ConnectionRefusedError(port)

    def freeze(self) -> None:
        self.told.append("freeze")

    def thaw(self) -> None:
        self.told.append("thaw")

    def close(self) -> None:
        return


def test_how_long_a_shutdown_takes_depends_on_who_is_there() -> None:
    assert plan_shutdown(with_external()) == ShutdownPlan(0.0, 0.0)
    internal = with_external()
    internal.register("inner", [])
    assert plan_shutdown(internal) == ShutdownPlan(0.5, 0.5)
    assert plan_shutdown(with_external("outer")) == ShutdownPlan(2.0, 0.3)


def telemetry_of(processes: Recorder) -> TelemetryHub:
    return TelemetryHub(processes.connect, is_json=False)


async def test_without_extensions_nobody_is_told_of_the_end() -> None:
    processes, living = Recorder(), Living()
    living.started(RUNTIME)
    await shut_down(shutdown.SPINDOWN, with_external(), living, processes, telemetry_of(processes))
    assert processes.told == []


async def test_the_runtime_is_terminated_before_extensions_hear_of_the_end() -> None:
    extensions, processes, living = with_external("a", "b"), Recorder(), Living()
    hears, _ = extensions.register("a", ["SHUTDOWN"]), extensions.register("b", ["INVOKE"])
    heard = asking(hears)
    for number in (RUNTIME, 1, 2):
        living.started(number)
    ending = asyncio.create_task(shut_down(shutdown.FAILURE, extensions, living, processes, telemetry_of(processes)))
    await asyncio.sleep(0)
    assert processes.told == ["thaw", ("terminate", RUNTIME)]
    assert heard == []
    living.ended(RUNTIME)
    while not heard:
        await asyncio.sleep(0)
    event = json.loads(heard[0])
    assert (event["eventType"], event["shutdownReason"]) == ("SHUTDOWN", "FAILURE")
    assert not ending.done()
    living.ended(1)
    await ending  # the other one never wanted to hear of it and is not waited for
