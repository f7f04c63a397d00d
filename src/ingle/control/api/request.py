"""What a handler gets and gives."""

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from ingle.iam import Principal


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that has been authenticated, authorized and checked against its shape."""

    principal: Principal
    action: str
    """As policies name it: `lambda:GetFunction`."""
    account: str
    region: str
    input: dict[str, Any]
    endpoint: str = ""
    """The URL by which the caller reached Ingle, without a path."""


@dataclasses.dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event of a response that is a stream: a member of its shape, or one of its errors."""

    name: str
    members: dict[str, Any]
    is_error: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Answered:
    """The members of a response, and a status where it isn't the model's; `events` where the response is a stream."""

    result: dict[str, Any]
    status: int | None = None
    events: AsyncGenerator[StreamedEvent, None] | None = None


Handler = Callable[[Request], Awaitable[Answered]]
