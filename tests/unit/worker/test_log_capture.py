"""What comes out of an environment's pipes, as log events."""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator

import pytest
from assignments import sample_assignment

from ingle.worker.drivers.sandbox import log_pipe
from ingle.worker.journal import log_capture
from ingle.worker.journal.journal import Journal
from ingle.worker.journal.log_capture import EVENT_LIMIT_BYTES, LogCapture
from ingle.worker.journal.platform_events import Fault
from ingle.worker.journal.telemetry_delivery import TelemetryHub

ASSIGNMENT = sample_assignment()


async def nowhere(port: int) -> socket.socket:
    raise ConnectionRefusedError(port)


class Pipes:
    """A capture over three real pipes into a journal, and what came out of that."""

    def __init__(self) -> None:
        self.output, self.write_output = log_pipe()
        self.telemetry, self.write_telemetry = log_pipe()
        self.extensions, self.write_extensions = log_pipe()
        self.lines: list[bytes] = []
        hub = TelemetryHub(nowhere, is_json=False)
        self.journal = Journal(ASSIGNMENT, lambda _, message: self.lines.append(message), hub)
        self.capture = self.new_capture()

    @property
    def events(self) -> list[bytes]:
        """What was logged, without line ends."""
        return [line.removesuffix(b"\n") for line in self.lines]

    def new_capture(self) -> LogCapture:
        return LogCapture(self.output, self.telemetry, self.extensions, self.journal)

    def close(self) -> None:
        for descriptor in (self.output, self.telemetry, self.extensions):
            os.close(descriptor)

    def say(self, data: bytes) -> None:
        os.write(self.write_output, data)
        self.capture.drain()

    def frame(self, message: bytes, kind: int = 0xA55A0003) -> bytes:
        return struct.pack(">IIQ", kind, len(message), 1) + message

    def send(self, data: bytes) -> None:
        os.write(self.write_telemetry, data)
        self.capture.drain()


@pytest.fixture
def pipes() -> Iterator[Pipes]:
    made = Pipes()
    yield made
    for descriptor in (made.write_output, made.write_telemetry, made.write_extensions):
        os.close(descriptor)
    made.close()


def test_each_line_is_an_event_also_when_it_comes_in_pieces(pipes: Pipes) -> None:
    pipes.say(b"one\ntw")
    pipes.say(b"o\n\nthree\n")
    assert pipes.events == [b"one", b"two", b"three"]


def test_an_extensions_line_never_mixes_with_the_functions(pipes: Pipes) -> None:
    os.write(pipes.write_extensions, b"from the exten")
    pipes.say(b"from the function\n")
    os.write(pipes.write_extensions, b"sion\n")
    pipes.capture.drain()
    assert pipes.events == [b"from the function", b"from the extension"]


def test_an_unfinished_line_ends_with_its_invocation(pipes: Pipes) -> None:
    pipes.say(b"no end")
    assert pipes.events == []
    pipes.capture.end_invocation()
    assert pipes.events == [b"no end"]


def test_an_event_ends_in_a_line_end_where_one_was_written_and_the_format_is_text(pipes: Pipes) -> None:
    pipes.say(b"line\n")
    pipes.send(pipes.frame(b"a\nb\n") + pipes.frame(b"frame without end"))
    pipes.journal.tell(Fault(request_id="id", reason="exit status 1"))
    pipes.say(b"no end")
    pipes.capture.end_invocation()
    assert pipes.lines == [
        b"line\n", b"a\nb\n", b"frame without end", b"RequestId: id Error: exit status 1\n", b"no end",
    ]  # fmt: skip


def test_a_line_without_end_is_cut_at_the_limit(pipes: Pipes) -> None:
    for _ in range(EVENT_LIMIT_BYTES // 65536 + 1):
        pipes.say(b"x" * 65536)
    assert [len(event) for event in pipes.events] == [EVENT_LIMIT_BYTES]


def test_a_frame_of_the_python_client_is_one_event_with_its_line_breaks(pipes: Pipes) -> None:
    whole = pipes.frame(b"a\nb\n") + pipes.frame(b"second")
    for at in range(len(whole)):
        pipes.send(whole[at : at + 1])
    assert pipes.events == [b"a\nb", b"second"]


def test_what_comes_in_many_small_pieces_is_one_event(pipes: Pipes) -> None:
    message = b"x" * 50_000
    framed = pipes.frame(message)
    for at in range(0, len(framed), 700):
        pipes.send(framed[at : at + 700])
        pipes.say(message[at : at + 700])
    pipes.say(b"y\n")
    assert pipes.events == [message, message + b"y"]


def test_what_is_not_a_frame_is_taken_as_lines(pipes: Pipes) -> None:
    pipes.send(b"a function wrote here by itself\n")
    pipes.send(pipes.frame(b"too long to be true")[:4] + struct.pack(">IQ", 1 << 31, 0) + b"\n")
    assert pipes.events[0] == b"a function wrote here by itself"
    assert len(pipes.events) == 2


def test_a_flood_is_capped_and_the_drops_are_counted(pipes: Pipes) -> None:
    for _ in range(100):
        pipes.say((b"y" * 999 + b"\n") * 100)
    dropped = pipes.capture.dropped
    assert 5_000 < dropped < 10_000
    pipes.capture.end_invocation()
    assert pipes.events[-1].startswith(b"LOGS_DROPPED Events: %d" % dropped)
    before = len(pipes.events)
    pipes.capture.end_invocation()
    assert len(pipes.events) == before


def test_an_environment_that_has_logged_its_share_logs_no_more(pipes: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_capture, "DISK_LIMIT_BYTES", 1000)
    for _ in range(100):
        pipes.say(b"z" * 99 + b"\n")
    assert pipes.capture.is_full
    assert len(pipes.events) == 8
    assert pipes.capture.dropped == 92
    pipes.capture.end_invocation()
    assert pipes.events[-1].startswith(b"LOGS_DROPPED Events: 92")


def test_the_tail_is_the_last_4_kib_since_it_was_asked_for(pipes: Pipes) -> None:
    pipes.say(b"before\n")
    pipes.journal.begin_tail()
    pipes.say(b"first\n" + b"z" * 5000 + b"\nlast\n")
    pipes.journal.tell(Fault(request_id="id", reason="exit status 1"))
    tail = pipes.journal.take_tail()
    assert len(tail) == 4096
    assert tail.endswith(b"zzz\nlast\nRequestId: id Error: exit status 1\n")
    assert pipes.journal.take_tail() == b""


async def test_a_flood_is_left_alone_for_a_while_and_then_read_on(
    pipes: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_capture, "BURST_BYTES", 1000)
    monkeypatch.setattr(log_capture, "_PAUSE_S", 0.05)
    capture = pipes.new_capture()
    capture.watch()
    os.write(pipes.write_output, (b"y" * 99 + b"\n") * 100)
    loop = asyncio.get_running_loop()
    while not capture.dropped:
        await asyncio.sleep(0)
    assert capture.dropped == 100 - len(pipes.events)
    os.write(pipes.write_output, b"more\n")
    began_s = loop.time()
    while pipes.events[-1] != b"more":
        await asyncio.sleep(0.001)
    assert loop.time() - began_s > 0.04
    capture.finish()


async def test_a_pipe_whose_writers_have_ended_is_watched_no_more() -> None:
    pipes = Pipes()
    pipes.capture.watch()
    os.write(pipes.write_output, b"bye\n")
    os.close(pipes.write_output)
    os.close(pipes.write_telemetry)
    os.close(pipes.write_extensions)
    for _ in range(3):
        await asyncio.sleep(0)
    loop = asyncio.get_running_loop()
    assert pipes.events == [b"bye"]
    assert not loop.remove_reader(pipes.output)
    assert not loop.remove_reader(pipes.telemetry)
    pipes.close()
