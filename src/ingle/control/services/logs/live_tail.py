"""StartLiveTail: events as they come, as a stream of updates."""

import uuid
from collections.abc import AsyncGenerator
from typing import Any

from ingle.control.api.request import Answered, Handler, Request, StreamedEvent
from ingle.control.logs.live_tails import LiveTails, Selection, Session, TooManySessionsError
from ingle.control.logs.log_store import LogStore
from ingle.control.services.logs.filters import check_can_filter, matcher_of
from ingle.control.services.logs.references import find_group, invalid, key_named
from ingle.protocol import AwsError


class LiveTail:
    """The handler."""

    def __init__(self, store: LogStore, tails: LiveTails) -> None:
        self._store = store
        self._tails = tails

    def handlers(self) -> dict[str, Handler]:
        """Return the handler of each operation."""
        return {"StartLiveTail": self.start}

    async def start(self, request: Request) -> Answered:
        """StartLiveTail."""
        wanted = request.input
        names, prefixes = wanted.get("logStreamNames"), wanted.get("logStreamNamePrefixes")
        if names is not None and prefixes is not None:
            raise invalid("Only one of logStreamNames or logStreamNamePrefixes can be provided.")
        keys = [key_named(request, one) for one in wanted["logGroupIdentifiers"]]
        if len(keys) > 1 and (names is not None or prefixes is not None):
            raise invalid("logStreamNames and logStreamNamePrefixes can only be used with a single log group.")
        for key in keys:
            check_can_filter(find_group(self._store, key))
        selection = Selection(
            groups=tuple(keys),
            streams=frozenset(names or ()),
            prefixes=tuple(prefixes or ()),
            matches=matcher_of(wanted.get("logEventFilterPattern", "")),
        )
        try:
            session = self._tails.begin(selection)
        except TooManySessionsError:
            raise AwsError("LimitExceededException", "Resource limit exceeded.") from None
        return Answered({}, events=self._events(session, wanted))

    async def _events(self, session: Session, wanted: dict[str, Any]) -> AsyncGenerator[StreamedEvent, None]:
        identifiers = {"requestId": str(uuid.uuid4()), "sessionId": str(uuid.uuid4())}
        try:
            yield StreamedEvent("sessionStart", {**identifiers, **wanted})
            while (update := await self._tails.next_update(session)) is not None:
                yield StreamedEvent("sessionUpdate", update)
            if not self._tails.is_closed:
                message = {"message": "The session has been open for three hours."}
                yield StreamedEvent("SessionTimeoutException", message, is_error=True)
        finally:
            self._tails.end(session)
