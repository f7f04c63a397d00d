"""A closed-loop HTTP/1.1 load generator: keep-alive connections, requests made before the clock starts.

Each connection sends its next request when the answer to the last has come. Requests are whole byte strings, so that
what is measured is the server and not the making of signatures; every one of them is distinct.
"""

import asyncio
import dataclasses
import functools
import statistics
import time
from collections.abc import Sequence
from typing import cast


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run measured: answers, failures (any status but 2xx), seconds, and each answer's microseconds."""

    answers: int
    failures: int
    seconds: float
    latencies_us: tuple[float, ...]

    @property
    def rate(self) -> float:
        return self.answers / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in microseconds below which `share` (0 to 1) of the answers came."""
        ordered = sorted(self.latencies_us)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]

    @property
    def median_us(self) -> float:
        return statistics.median(self.latencies_us)


class _Connection(asyncio.Protocol):
    """One keep-alive connection that works through its list of requests."""

    def __init__(self, requests: Sequence[bytes]) -> None:
        self.requests = requests
        self.position = 0
        self.failures = 0
        self.latencies: list[float] = []
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        if self.position == len(self.requests):
            self._transport.close()
            if not self.finished.done():
                self.finished.set_result(None)
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self.requests[self.position])
        self.position += 1

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        head = buffer.find(b"\r\n\r\n")
        if head < 0 or not _is_complete(buffer, head):
            self._buffer = buffer
            return
        self._buffer = b""
        self.latencies.append((time.perf_counter() - self._sent_at) * 1e6)
        if buffer[9:10] != b"2":
            self.failures += 1
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("the server closed the connection"))


def _is_complete(buffer: bytes, head: int) -> bool:
    lowered = buffer[:head].lower()
    at = lowered.find(b"content-length:")
    if at >= 0:
        end = lowered.find(b"\r\n", at)
        length = int(lowered[at + 15 : end if end >= 0 else head])
        return len(buffer) >= head + 4 + length
    if b"transfer-encoding: chunked" in lowered:
        return buffer.endswith(b"0\r\n\r\n")
    return True


async def drive(host: str, port: int, batches: Sequence[Sequence[bytes]]) -> Load:
    """Send each batch of whole requests over a connection of its own, all at once; return what was measured."""
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    connections = []
    for batch in batches:
        _, connection = await loop.create_connection(functools.partial(_Connection, batch), host, port)
        connections.append(connection)
    await asyncio.gather(*(connection.finished for connection in connections))
    seconds = time.perf_counter() - started
    latencies = tuple(latency for connection in connections for latency in connection.latencies)
    failures = sum(connection.failures for connection in connections)
    return Load(answers=len(latencies), failures=failures, seconds=seconds, latencies_us=latencies)
