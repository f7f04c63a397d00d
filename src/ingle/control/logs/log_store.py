"""All log groups: their keys from the keyring, their names in the database, their events in segments."""

import asyncio
import contextlib
import dataclasses
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from ingle.keys import Keyring
from ingle.sealing import DataKey, OpenError, open_sealed, seal
from ingle.store import LogGroupRepository, LogGroupRow
from ingle.telemetry import (
    Damage,
    Frame,
    LogBatchFacts,
    LogEvent,
    LogGroup,
    LogGroupSettings,
    LogPage,
    LogQuery,
    LogStatistics,
    SegmentError,
    decode_events,
)
from ingle.values import Clock

_log = structlog.get_logger("ingle.control")
_EXPIRY_INTERVAL_S = 600.0
_DELETED = ".deleted"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """What names a log group."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The group's ARN, without the `:*` that stands for its streams."""
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{self.name}"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Events of one stream that have just been kept."""

    key: GroupKey
    settings: LogGroupSettings
    stream: str
    events: Sequence[LogEvent]


class Follower(Protocol):
    """Who is told of events as they come."""

    def wants(self, key: GroupKey, settings: LogGroupSettings) -> bool:
        """Say whether events of a group matter now; they are decoded only then."""
        ...

    async def take(self, arrival: Arrival) -> None:
        """Take events; the sender of the next ones waits for it."""
        ...


class GroupSealer:
    """Seals under one group's data key; the frame's header is part of the context."""

    def __init__(self, key: DataKey) -> None:
        self._key = key

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        """Return sealed events."""
        return seal(plaintext, self._key, {"ingle:frame": header.hex()})

    def open(self, sealed: bytes, header: bytes) -> bytes:
        """Return the events. Raises SegmentError."""
        try:
            return open_sealed(sealed, self._key, {"ingle:frame": header.hex()})
        except OpenError:
            raise SegmentError("a log segment was changed") from None


class LogStore:
    """Log groups by (account, region, name); `followers` hear of events as they come."""

    def __init__(self, repository: LogGroupRepository, keyring: Keyring, folder: Path, clock: Clock) -> None:
        self._repository = repository
        self._keyring = keyring
        self._folder = folder
        self._clock = clock
        self._groups: dict[GroupKey, LogGroup] = {}
        self._ids: dict[GroupKey, str] = {}
        self.followers: list[Follower] = []
        self._damaged = 0
        rows = repository.every()
        self._settle_deletions({row.id for row in rows})
        for row in rows:
            self._open(row)

    def _settle_deletions(self, known: set[str]) -> None:
        """End the deletions that a crash cut short: a group that the database still has stays, with its events."""
        for folder in self._folder.glob(f"*{_DELETED}"):
            if folder.stem in known:
                folder.rename(folder.with_suffix(""))
            else:
                shutil.rmtree(folder, ignore_errors=True)

    def _open(self, row: LogGroupRow) -> LogGroup:
        key = GroupKey(account=row.account, region=row.region, name=row.name)
        data_key = self._keyring.unwrap(row.wrapped_key, _context(key))
        group = LogGroup(
            row.name,
            row.created_ms,
            self._folder / row.id,
            GroupSealer(data_key),
            row.settings,
            self._repository.streams(row.id),
            lambda damage: self._tell_damage(key, damage),
        )
        self._groups[key] = group
        self._ids[key] = row.id
        return group

    def _tell_damage(self, key: GroupKey, damage: Damage) -> None:
        self._damaged += 1
        size = damage.end - damage.offset
        _log.error("logs.damaged", group=key.arn, file=str(damage.path), offset=damage.offset, bytes=size)

    def statistics(self) -> LogStatistics:
        """Return what there is in all."""
        stored = sum(group.stored_bytes for group in self._groups.values())
        return LogStatistics(groups=len(self._groups), stored_bytes=stored, damaged=self._damaged)

    # groups

    def find(self, key: GroupKey) -> LogGroup | None:
        """Return a group."""
        return self._groups.get(key)

    def groups(self, account: str, region: str) -> list[LogGroup]:
        """Return a region's groups by name."""
        mine = [
            (key.name, group) for key, group in self._groups.items() if (key.account, key.region) == (account, region)
        ]
        return [group for _, group in sorted(mine, key=lambda pair: pair[0])]

    def create(self, key: GroupKey, settings: LogGroupSettings) -> LogGroup:
        """Make a group that is not there; durable on return."""
        _, wrapped = self._keyring.generate_data_key(_context(key))
        row = LogGroupRow(
            account=key.account,
            region=key.region,
            name=key.name,
            id=uuid.uuid4().hex,
            created_ms=self._clock.now_ms(),
            wrapped_key=wrapped,
            settings=settings,
        )
        self._repository.add(row)
        return self._open(row)

    def change(self, key: GroupKey, settings: LogGroupSettings) -> None:
        """Keep what is declared of a group; durable on return."""
        self._repository.save_settings(self._ids[key], settings)
        self._groups[key].settings = settings

    async def delete(self, key: GroupKey) -> None:
        """Delete a group with its key and its events."""
        identifier = self._ids[key]
        folder, doomed = self._folder / identifier, self._folder / f"{identifier}{_DELETED}"
        with contextlib.suppress(FileNotFoundError):
            folder.rename(doomed)
        try:
            self._repository.remove(identifier)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                doomed.rename(folder)
            raise
        del self._groups[key], self._ids[key]
        await asyncio.to_thread(shutil.rmtree, doomed, ignore_errors=True)

    # streams and events

    def create_stream(self, key: GroupKey, stream: str) -> None:
        """Make a stream that is not there; durable on return."""
        now_ms = self._clock.now_ms()
        self._repository.add_stream(self._ids[key], stream, now_ms)
        self._groups[key].declare(stream, now_ms)

    async def delete_stream(self, key: GroupKey, stream: str) -> None:
        """Delete a stream with its events."""
        self._repository.remove_stream(self._ids[key], stream)
        group = self._groups[key]
        try:
            await group.erase(stream, group.remove_stream(stream))
        except FileNotFoundError:
            if self._groups.get(key) is group:
                raise  # else the whole group was deleted meanwhile

    async def append(self, key: GroupKey, facts: LogBatchFacts, data: bytes, *, is_synced: bool = False) -> None:
        """Keep events and tell the followers; the group is made where it is not there.

        Raises OSError. With `is_synced` they outlive a loss of power once this returns.
        """
        group = self._groups.get(key) or self.create(key, LogGroupSettings())
        frame = group.append(facts, data)
        if is_synced:
            await asyncio.to_thread(group.sync, frame)
        await self._tell(key, group, frame, data)

    async def _tell(self, key: GroupKey, group: LogGroup, frame: Frame, data: bytes) -> None:
        followers = [one for one in self.followers if one.wants(key, group.settings)]
        if followers:
            events = tuple(decode_events(frame, data))
            arrival = Arrival(key=key, settings=group.settings, stream=frame.header.stream, events=events)
            for follower in followers:
                try:
                    await follower.take(arrival)
                except Exception:  # the events are kept: nobody else shall suffer
                    _log.exception("logs.follower_failed", group=key.arn)

    async def page(self, group: LogGroup, query: LogQuery) -> LogPage:
        """Return a page of events, read on a thread."""
        return await asyncio.to_thread(group.page(query, self._clock.now_ms()))

    async def expire(self) -> None:
        """Delete what has expired, again and again until cancelled."""
        while True:
            for key, group in tuple(self._groups.items()):
                try:
                    group.expire(self._clock.now_ms())
                except OSError as error:
                    _log.error("logs.not_expired", group=key.arn, reason=error.strerror)
                await asyncio.sleep(0)
            await asyncio.sleep(_EXPIRY_INTERVAL_S)


def _context(key: GroupKey) -> dict[str, str]:
    return {"aws:logs:arn": key.arn}
