"""Log events on their way to control: gathered by stream, sent in batches, bounded in memory."""

import asyncio
import struct

import structlog

from ingle.links.worker_control import Control, LinkRefusedError, LogBatch, LogRecords
from ingle.values import IngleError

_HEAD = struct.Struct(">QI")
_INTERVAL_S = 0.2
_BATCH_BYTES = 64 * 1024
_PENDING_LIMIT_BYTES = 32 << 20
_log = structlog.get_logger("ingle.worker")


class LogStream:
    """One environment's stream; events wait here for the next batch."""

    __slots__ = ("_shipper", "account", "count", "first_ms", "group", "last_ms", "name", "pieces", "region")

    def __init__(self, shipper: "LogShipper", account: str, region: str, group: str, name: str) -> None:
        self._shipper = shipper
        self.account, self.region, self.group, self.name = account, region, group, name
        self.pieces: list[bytes] = []
        self.count = 0
        self.first_ms = self.last_ms = 0

    def add(self, at_ms: int, message: bytes) -> None:
        """Add an event; dropped and counted where control has not kept up."""
        shipper = self._shipper
        if shipper.pending_bytes > _PENDING_LIMIT_BYTES:
            shipper.dropped += 1
            return
        if not self.pieces:
            self.first_ms = at_ms
            shipper.touched(self)
        self.last_ms = at_ms
        self.count += 1
        self.pieces.append(_HEAD.pack(at_ms, len(message)))
        self.pieces.append(message)
        shipper.added(len(message) + _HEAD.size)

    def take(self) -> LogRecords:
        records = LogRecords(
            account=self.account,
            region=self.region,
            group=self.group,
            stream=self.name,
            first_ms=self.first_ms,
            last_ms=self.last_ms,
            count=self.count,
            data=b"".join(self.pieces),
        )
        self.pieces = []
        self.count = 0
        return records


class LogShipper:
    """Sends what the streams have gathered: every 200 ms, or sooner when 64 KiB wait."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._touched: dict[int, LogStream] = {}
        self._wake = asyncio.Event()
        self.pending_bytes = 0
        self.dropped = 0

    def stream(self, account: str, region: str, group: str, name: str) -> LogStream:
        return LogStream(self, account, region, group, name)

    def touched(self, stream: LogStream) -> None:
        self._touched[id(stream)] = stream

    def added(self, size: int) -> None:
        self.pending_bytes += size
        if self.pending_bytes > _BATCH_BYTES:
            self._wake.set()

    async def run(self) -> None:
        """Ship until cancelled; what can't be delivered is kept and tried again."""
        kept: LogBatch | None = None
        kept_size = 0
        while True:
            if kept is None:
                await self._wait()
                kept, kept_size = self._batch()
            if kept is not None and await self._send(kept):
                self.pending_bytes -= kept_size
                kept = None
            elif kept is not None:
                await asyncio.sleep(0.5)

    async def flush(self) -> None:
        """Send what waits now, once."""
        batch, size = self._batch()
        if batch is not None and await self._send(batch):
            self.pending_bytes -= size

    async def _wait(self) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(_INTERVAL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    def _batch(self) -> tuple[LogBatch | None, int]:
        if not self._touched:
            return None, 0
        streams, self._touched = list(self._touched.values()), {}
        records = [stream.take() for stream in streams]
        return LogBatch(records=records), sum(len(one.data) for one in records)

    async def _send(self, batch: LogBatch) -> bool:
        try:
            await self._control.keep_logs(batch)
        except LinkRefusedError as refusal:  # it would be refused again
            _log.error("logs.refused", status=refusal.status)
        except IngleError:
            return False
        return True
