"""Event source mappings, as they are stored, and their life cycle (API reference, section 10)."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from ingle.functions.errors import MappingInUseError
from ingle.values import FunctionArn

SETTLES_AFTER_MS = 100
"""How long a mapping is seen on its way to a state that lasts."""
NO_POLLER = "Ingle runs no pollers yet: no event of this source reaches the function."


class MappingState(enum.StrEnum):
    """The states that AWS shows."""

    CREATING = "Creating"
    ENABLING = "Enabling"
    ENABLED = "Enabled"
    DISABLING = "Disabling"
    DISABLED = "Disabled"
    UPDATING = "Updating"
    DELETING = "Deleting"


class MappingEvent(enum.StrEnum):
    """What happens to a mapping."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UPDATED = "updated"
    DELETED = "deleted"
    SETTLED_ENABLED = "settled, wanted"
    SETTLED_DISABLED = "settled, not wanted"


_LASTING = (MappingState.ENABLED, MappingState.DISABLED)
_PASSING = (MappingState.CREATING, MappingState.ENABLING, MappingState.DISABLING, MappingState.UPDATING)

NEXT: Mapping[tuple[MappingState, MappingEvent], MappingState] = {
    (MappingState.DISABLED, MappingEvent.ENABLED): MappingState.ENABLING,
    (MappingState.ENABLED, MappingEvent.DISABLED): MappingState.DISABLING,
    **{(state, MappingEvent.UPDATED): MappingState.UPDATING for state in _LASTING},
    **{(state, MappingEvent.DELETED): MappingState.DELETING for state in _LASTING},
    **{(state, MappingEvent.SETTLED_ENABLED): MappingState.ENABLED for state in _PASSING},
    **{(state, MappingEvent.SETTLED_DISABLED): MappingState.DISABLED for state in _PASSING},
}
"""The life cycle; what is absent is refused, for a mapping that is on its way already."""


class EventSourceMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A source of events, the function that gets them, and how."""

    account: str
    region: str
    uuid: str
    function: str
    """The ARN of a function, a version or an alias."""
    kind: str
    """The kind of source, by which its rules are found."""
    settings: dict[str, Any]
    """What was asked for and what holds where nothing was, by AWS's names."""
    is_enabled: bool = True
    state: MappingState = MappingState.CREATING
    last_modified_ms: int = 0
    tags: dict[str, str] = {}

    @property
    def arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:event-source-mapping:{self.uuid}"

    @property
    def source(self) -> str | None:
        """The source's ARN; one that users run themselves has none."""
        return self.settings.get("EventSourceArn")

    @property
    def is_settled(self) -> bool:
        return self.state in _LASTING

    def is_for(self, function: FunctionArn) -> bool:
        return self.function == str(function)

    def seen_at(self, now_ms: int) -> "EventSourceMapping | None":
        """Return the mapping as it is now: settled where it has had the time for it, None where it is gone."""
        if self.is_settled or now_ms - self.last_modified_ms < SETTLES_AFTER_MS:
            return self
        if self.state is MappingState.DELETING:
            return None
        event = MappingEvent.SETTLED_ENABLED if self.is_enabled else MappingEvent.SETTLED_DISABLED
        return msgspec.structs.replace(self, state=NEXT[self.state, event])

    def changed(self, now_ms: int, **fields: Any) -> "EventSourceMapping":
        """Return the mapping on its way to other settings. Raises MappingInUseError where it is on its way already."""
        wanted = msgspec.structs.replace(self, last_modified_ms=now_ms, **fields)
        if wanted.is_enabled == self.is_enabled:
            event = MappingEvent.UPDATED
        else:
            event = MappingEvent.ENABLED if wanted.is_enabled else MappingEvent.DISABLED
        return msgspec.structs.replace(wanted, state=self._after(event, "update"))

    def deleted(self, now_ms: int) -> "EventSourceMapping":
        """Return the mapping on its way out. Raises MappingInUseError where it is on its way already."""
        return msgspec.structs.replace(self, state=self._after(MappingEvent.DELETED, "delete"), last_modified_ms=now_ms)

    def _after(self, event: MappingEvent, what: str) -> MappingState:
        state = NEXT.get((self.state, event))
        if state is None:
            raise MappingInUseError(what)
        return state
