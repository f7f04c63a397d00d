"""Telemetry to subscribers over real sockets: batches, retries, slow and silent ones; and the API that they subscribe by."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from ingle.transport import HttpServer, serve_http
from ingle.worker.apis.extensions import Extensions
from ingle.worker.apis.telemetry_api import LOGS_PATH, TELEMETRY_PATH, TelemetryApi
from ingle.worker.journal import telemetry_delivery
from ingle.worker.journal.platform_events import (
    SUCCESS,
    ExtensionStatus,
    Fault,
    PlatformEvent,
    Report,
    RuntimeDone,
    Start,
    Subscribed,
    failed,
)
from ingle.worker.journal.subscriptions import Subscription
from ingle.worker.journal.telemetry_delivery import TelemetryHub
from ingle.worker.journal.telemetry_records import render_event, render_line

NOW_MS = 1_700_000_000_123
START = Start(request_id="id", version="1")


async def connect(port: int) -> socket.socket:
    made = socket.socket()
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, ("127.0.0.1", port))
    except BaseException:
        made.close()
        raise
    return made


class Listener:
    """An extension's own server: `bodies` and `heads` are what came, answered with what `answers` holds next, or 200."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.heads: list[bytes] = []
        self.answers: list[bytes] = []
        self.lines: list[Any] = []
        self.connections = 0
        self.came = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self) -> int:
        self.server = await asyncio.start_server(self._hear, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        first = await reader.readline()
        if first.startswith(b"{"):
            while first:
                self.lines.append(json.loads(first))
                self.came.set()
                first = await reader.readline()
            writer.close()
            return
        head = first + await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self.came.set()
        answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
        writer.write(answer)
        if answer:
            writer.close()

    async def wait(self, has_come: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not has_come():
                self.came.clear()
                await self.came.wait()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    made = Listener()
    yield made
    made.server.close()
    for writer in made.writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
async def hub() -> AsyncIterator[TelemetryHub]:
    made = TelemetryHub(connect, is_json=False)
    made.begin()
    yield made
    made.stop()


def wanting(port: int, **members: Any) -> Subscription:
    usual = {"schema": "2022-07-01", "types": ("platform", "function"), "max_items": 1000, "max_bytes": 262_144}
    http = {"timeout_ms": 25, "host": "sandbox", "path": "/"}
    return Subscription(**{**usual, **http, "port": port, **members})


async def test_a_subscriber_gets_what_was_told_since_init_began_and_all_that_follows(
    hub: TelemetryHub, listener: Listener
) -> None:
    hub.hear_event(START, NOW_MS)
    hub.hear_line("function", NOW_MS, b"early")
    hub.hear_line("extension", NOW_MS, b"not wanted")
    hub.subscribe("x", wanting(await listener.serve()))
    hub.close()
    hub.hear_line("function", NOW_MS, b"late")
    await hub.flush(10)
    assert [(one["type"], one["record"]) for one in listener.bodies[0]] == [
        ("platform.start", {"requestId": "id", "version": "1"}), ("function", "early"), ("function", "late"),
    ]  # fmt: skip
    assert {one["time"] for one in listener.bodies[0]} == {"2023-11-14T22:13:20.123Z"}
    assert listener.heads[0].startswith(b"POST / HTTP/1.1\r\nHost: sandbox:")
    assert not hub.pending_bytes


async def test_a_batch_is_sent_when_it_is_full_and_never_larger(hub: TelemetryHub, listener: Listener) -> None:
    hub.subscribe("x", wanting(await listener.serve(), timeout_ms=30_000))
    for number in range(1500):
        hub.hear_line("function", NOW_MS, b"%d" % number)
    await listener.wait(lambda: len(listener.bodies) == 2)
    assert [len(body) for body in listener.bodies] == [1000, 500]
    assert [one["record"] for body in listener.bodies for one in body] == [str(number) for number in range(1500)]


@pytest.mark.parametrize(
    "refusal",
    [
        b"HTTP/1.1 500 No\r\n\r\n",
        b"nonsense",
        b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 %s x\r\n\r\n" % (b"2" * 5000),
        b"HTTP/1.1 200 x\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000),
    ],
)
async def test_a_batch_that_is_refused_is_sent_again(hub: TelemetryHub, listener: Listener, refusal: bytes) -> None:
    listener.answers = [refusal, refusal]
    hub.subscribe("x", wanting(await listener.serve()))
    hub.hear_event(START, NOW_MS)
    await hub.flush(10)
    assert len(listener.bodies) == 3
    assert listener.bodies[0] == listener.bodies[2]


async def test_what_nobody_listens_for_yet_is_kept(hub: TelemetryHub, listener: Listener) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hub.subscribe("x", wanting(port))
    hub.hear_event(START, NOW_MS)
    await hub.flush(0.1)
    assert hub.pending_bytes
    listener.server = await asyncio.start_server(listener._hear, "127.0.0.1", port)
    await hub.flush(10)
    assert len(listener.bodies[0]) == 1


async def test_lines_go_over_one_tcp_connection(hub: TelemetryHub, listener: Listener) -> None:
    hub.subscribe("x", wanting(await listener.serve(), path="", host=""))
    for number in range(3):
        hub.hear_line("function", NOW_MS, b"%d" % number)
        await hub.flush(10)
    await listener.wait(lambda: len(listener.lines) == 3)
    assert [one["record"] for one in listener.lines] == ["0", "1", "2"]
    assert listener.connections == 1


async def test_a_stuck_subscriber_is_bounded_and_told_what_it_missed(hub: TelemetryHub, listener: Listener) -> None:
    listener.answers = [b""]  # takes the first batch and never answers
    hub.subscribe("x", wanting(await listener.serve()))
    hub.hear_event(START, NOW_MS)
    await hub.flush(0)
    await listener.wait(lambda: len(listener.bodies) == 1)
    for _ in range(1000):
        hub.hear_line("function", NOW_MS, b"z" * 1000)
    assert 524_288 - 2000 < hub.pending_bytes <= 524_288 + 2000
    hub.hear_line("function", NOW_MS, b"lost")
    (subscriber,) = hub._subscribers.values()
    subscriber.stop()  # what a reset does; the rest shows what the next batch would have been
    batch, _ = subscriber._take()
    first = json.loads(batch[0])
    assert first["type"] == "platform.logsDropped"
    assert first["record"]["droppedRecords"] > 400
    assert first["record"]["droppedBytes"] > 400_000


async def test_all_subscribers_of_an_environment_share_a_limit(
    hub: TelemetryHub, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telemetry_delivery, "PENDING_LIMIT_BYTES", 10_000)
    port = await listener.serve()
    for number in range(10):
        hub.subscribe(str(number), wanting(port, timeout_ms=30_000))
    for _ in range(100):
        hub.hear_line("function", NOW_MS, b"z" * 100)
    assert 9_000 < hub.pending_bytes <= 10_000


async def test_nothing_is_sent_while_the_environment_is_frozen(hub: TelemetryHub, listener: Listener) -> None:
    hub.subscribe("x", wanting(await listener.serve()))
    hub.freeze()
    hub.hear_event(START, NOW_MS)
    await hub.flush(0.1)
    assert listener.connections == 0
    hub.thaw()
    await hub.flush(10)
    assert listener.connections == 1


async def test_a_new_subscription_takes_the_place_of_the_old(hub: TelemetryHub, listener: Listener) -> None:
    port = await listener.serve()
    hub.subscribe("x", wanting(port))
    hub.subscribe("x", wanting(port, types=("function",)))
    hub.hear_event(START, NOW_MS)
    hub.hear_line("function", NOW_MS, b"wanted")
    await hub.flush(10)
    assert [[one["record"] for one in body] for body in listener.bodies] == [["wanted"]]


async def test_a_new_subscription_may_name_another_place(hub: TelemetryHub, listener: Listener) -> None:
    other = Listener()
    hub.subscribe("x", wanting(await listener.serve(), path="", host=""))
    hub.hear_event(START, NOW_MS)
    await hub.flush(10)
    hub.subscribe("x", wanting(await other.serve(), path="", host=""))
    hub.hear_event(START, NOW_MS)
    await hub.flush(10)
    await other.wait(lambda: len(other.lines) == 1)
    hub.stop()
    await asyncio.gather(*(writer.wait_closed() for writer in other.writers))
    other.server.close()
    assert len(listener.lines) == 1


# schemas


def kinds(event: PlatformEvent, schema: str) -> list[str]:
    return [json.loads(piece)["type"].removeprefix("platform.") for piece in render_event(event, NOW_MS, schema)]


@pytest.mark.parametrize(
    ("event", "telemetry", "logs", "newer_logs"),
    [
        (START, ["start"], ["start"], ["start"]),
        (RuntimeDone(request_id="i", outcome=SUCCESS, duration_ms=1, produced_bytes=2), ["runtimeDone"], [], ["runtimeDone"]),
        (
            Report(request_id="i", outcome=SUCCESS, duration_ms=1, memory_mib=128, used_bytes=1),
            ["report"], ["end", "report"], ["end", "report"],
        ),
        (Fault(request_id="i", reason="exit status 1"), [], ["fault"], ["fault"]),
        (ExtensionStatus(name="x", state="Ready", events=[]), ["extension"], ["extension"], ["extension"]),
        (Subscribed(name="x", types=[]), ["telemetrySubscription"], ["telemetrySubscription"], ["telemetrySubscription"]),
        (Subscribed(name="x", types=[], to_logs_api=True), ["logsSubscription"], ["logsSubscription"], ["logsSubscription"]),
    ],
)  # fmt: skip
def test_each_schema_has_its_events(
    event: PlatformEvent, telemetry: list[str], logs: list[str], newer_logs: list[str]
) -> None:
    assert kinds(event, "2022-07-01") == kinds(event, "2025-01-29") == telemetry
    assert kinds(event, "2020-08-15") == logs
    assert kinds(event, "2021-03-18") == newer_logs


def test_the_logs_api_tells_a_failure_alone() -> None:
    done = RuntimeDone(request_id="i", outcome=failed("Runtime.Mine"), duration_ms=1, produced_bytes=2)
    (piece,) = render_event(done, NOW_MS, "2021-03-18")
    assert json.loads(piece)["record"] == {"requestId": "i", "status": "failure"}


@pytest.mark.parametrize(
    ("schema", "is_json", "message", "record"),
    [
        ("2022-12-13", True, b'{"a": 1}', {"a": 1}),
        ("2025-01-29", True, b'{"a": 1}', {"a": 1}),
        ("2022-07-01", True, b'{"a": 1}', '{"a": 1}'),
        ("2020-08-15", True, b'{"a": 1}', '{"a": 1}'),
        ("2022-12-13", False, b'{"a": 1}', '{"a": 1}'),
        ("2022-12-13", True, b"{no json", "{no json"),
        ("2022-12-13", True, b"3", "3"),
        ("2022-12-13", True, b"\xff", "\ufffd"),
    ],
)
def test_a_line_is_an_object_where_schema_and_format_have_it_so(
    schema: str, is_json: bool, message: bytes, record: Any
) -> None:
    assert json.loads(render_line("function", NOW_MS, message, schema, is_json=is_json))["record"] == record


def test_a_line_that_nests_as_deep_as_it_can_be_read_and_not_be_written_is_told_as_text() -> None:
    for depth in range(900, 1100):
        line = b'{"a":' * depth + b"1" + b"}" * depth
        assert b'"type":"function"' in render_line("function", NOW_MS, line, "2022-12-13", is_json=True)


# the API


class Api:
    """The API on a real socket, with one extension that is registered."""

    def __init__(self, hub: TelemetryHub) -> None:
        self.hub = hub
        self.told: list[PlatformEvent] = []
        self.extensions = Extensions()
        self.extensions.begin(["x", "y"])
        self.me = self.extensions.register("x", []).identifier

    async def serve(self) -> HttpServer:
        listening = socket.create_server(("127.0.0.1", 0))
        listening.setblocking(False)
        self.port = listening.getsockname()[1]
        return await serve_http(TelemetryApi(self.extensions, self.hub, self.told.append), listening)

    async def put(self, path: bytes, identifier: str | None = None, **members: Any) -> tuple[int, Any]:
        destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}
        schema = "2020-08-15" if path == LOGS_PATH else "2022-07-01"
        request = {"schemaVersion": schema, "types": ["platform"], "destination": destination, **members}
        body = json.dumps(request).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"Lambda-Extension-Identifier: {identifier or self.me}\r\nContent-Length: {len(body)}\r\n"
        writer.write(b"PUT %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n%b" % (path, head.encode(), body))
        answer = await reader.read()
        writer.close()
        return int(answer.split(b" ")[1]), json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.fixture
async def api(hub: TelemetryHub) -> AsyncIterator[Api]:
    made = Api(hub)
    server = await made.serve()
    yield made
    await server.drain(0)


async def test_an_extension_subscribes_once_however_often_it_asks(api: Api) -> None:
    for _ in range(3):
        assert await api.put(TELEMETRY_PATH) == (200, "OK")
    assert api.told == [Subscribed(name="x", types=("platform",))]
    assert await api.put(TELEMETRY_PATH + b"/", types=["function"]) == (200, "OK")
    subscription = api.hub.subscription_of("x")
    assert subscription is not None
    assert subscription.types == ("function",)


async def test_each_mistake_has_its_error(api: Api) -> None:
    status, refusal = await api.put(TELEMETRY_PATH, types=[])
    assert (status, refusal) == (400, {"errorType": "ValidationError", "errorMessage": "types should not be empty"})
    assert (await api.put(LOGS_PATH, types=[]))[1]["errorType"] == "Logs.ValidationError"
    stranger = next(one for one in api.extensions if one.name == "y").identifier
    assert (await api.put(TELEMETRY_PATH, stranger))[1]["errorType"] == "Extension.UnknownExtensionIdentifier"
    assert (await api.put(TELEMETRY_PATH, "me"))[1]["errorType"] == "Extension.InvalidExtensionIdentifier"
    assert (await api.put(LOGS_PATH))[0] == 200
    status, refusal = await api.put(TELEMETRY_PATH)
    assert (status, refusal["errorMessage"]) == (400, "the extension has already subscribed to the Logs API")
    api.hub.close()
    assert await api.put(TELEMETRY_PATH) == (
        403,
        {"errorType": "Telemetry.SubscriptionClosed", "errorMessage": "Telemetry API subscription is closed"},
    )
