"""Live Tail: sessions that are told each second of the events that have come (StartLiveTail, CloudWatch Logs API reference)."""

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ingle.control.logs.log_store import Arrival, GroupKey
from ingle.telemetry import LogEvent, LogGroupSettings

SESSIONS_LIMIT = 15
"""Of an account at a time (CloudWatch Logs quotas)."""
_UPDATE_S = 1.0
_SESSION_S = 3 * 3600.0
_UPDATE_EVENTS = 500
_WAITING_EVENTS = 5_000
_WAITING_BYTES = 8 << 20


class TooManySessionsError(Exception):
    """An account has as many sessions as it may."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which events a session is told of; names or prefixes of streams only where there is one group."""

    groups: Sequence[GroupKey]
    streams: frozenset[str] = frozenset()
    prefixes: tuple[str, ...] = ()
    matches: Callable[[str], bool] | None = None

    def takes(self, arrival: Arrival) -> bool:
        """Say whether events of this stream matter."""
        if arrival.key not in self.groups:
            return False
        if self.streams or self.prefixes:
            return arrival.stream in self.streams or arrival.stream.startswith(self.prefixes or ("\0",))
        return True


def _matching(events: Sequence[LogEvent], matches: Callable[[str], bool]) -> Sequence[LogEvent]:
    return [event for event in events if matches(event.message)]


class Session:
    """What has come since the last update; a client that is slow loses the oldest."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.until_s = asyncio.get_running_loop().time() + _SESSION_S
        self._waiting: deque[tuple[GroupKey, LogEvent]] = deque()
        self._waiting_bytes = 0

    def add(self, key: GroupKey, event: LogEvent) -> None:
        """Have an event told with the next update."""
        self._waiting.append((key, event))
        self._waiting_bytes += len(event.message)
        while len(self._waiting) > _WAITING_EVENTS or self._waiting_bytes > _WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft()[1].message)

    def update(self) -> dict[str, Any]:
        """Return the members of a LiveTailSessionUpdate: what waits, or an even sample of it."""
        waiting, self._waiting, self._waiting_bytes = list(self._waiting), deque(), 0
        is_sampled = len(waiting) > _UPDATE_EVENTS
        if is_sampled:
            waiting = [waiting[at * len(waiting) // _UPDATE_EVENTS] for at in range(_UPDATE_EVENTS)]
        results = [
            {
                "logStreamName": event.stream,
                "logGroupIdentifier": key.arn,
                "message": event.message,
                "timestamp": event.at_ms,
                "ingestionTime": event.ingested_ms,
            }
            for key, event in waiting
        ]
        return {"sessionMetadata": {"sampled": is_sampled}, "sessionResults": results}


class LiveTails:
    """All sessions; told of what arrives."""

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._closed = asyncio.Event()

    def wants(self, key: GroupKey, settings: LogGroupSettings) -> bool:
        """Say whether a session follows a group."""
        return any(key in session.selection.groups for session in self._sessions)

    async def take(self, arrival: Arrival) -> None:
        """Hand events to the sessions that follow them; patterns are tried on a thread, as they may take a while."""
        for session in tuple(self._sessions):
            if session.selection.takes(arrival):
                events, matches = arrival.events, session.selection.matches
                if matches is not None:
                    events = await asyncio.to_thread(_matching, events, matches)
                for event in events:
                    session.add(arrival.key, event)

    def begin(self, selection: Selection) -> Session:
        """Begin to follow. Raises TooManySessionsError."""
        account = selection.groups[0].account
        mine = [one for one in self._sessions if one.selection.groups[0].account == account]
        if len(mine) >= SESSIONS_LIMIT:
            raise TooManySessionsError
        session = Session(selection)
        self._sessions.add(session)
        return session

    def end(self, session: Session) -> None:
        """Follow no more."""
        self._sessions.discard(session)

    async def next_update(self, session: Session) -> dict[str, Any] | None:
        """Return what a session is told after a second; None where it has been open too long, or on `close`."""
        if asyncio.get_running_loop().time() >= session.until_s:
            return None
        try:
            async with asyncio.timeout(_UPDATE_S):
                await self._closed.wait()
            return None
        except TimeoutError:
            return session.update()

    @property
    def is_closed(self) -> bool:
        """Whether `close` has ended all sessions."""
        return self._closed.is_set()

    def close(self) -> None:
        """End all sessions: control is about to end."""
        self._closed.set()
