"""Which log group a request names, and pages of what is listed."""

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from ingle.control.api.request import Request
from ingle.control.logs.log_store import GroupKey, LogStore
from ingle.protocol import AwsError
from ingle.telemetry import LogGroup

_T = TypeVar("_T")
PAGE_ITEMS = 50
_GROUP_PART = ":log-group:"


def invalid(message: str) -> AwsError:
    """Return the error of a parameter that AWS refuses."""
    return AwsError("InvalidParameterException", message)


def group_missing() -> AwsError:
    """Return the error of a group that is not there."""
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def key_of(request: Request) -> GroupKey:
    """Return the group that a request names, by logGroupName or logGroupIdentifier. Raises AwsError."""
    name, identifier = request.input.get("logGroupName"), request.input.get("logGroupIdentifier")
    if (name is None) == (identifier is None):
        raise invalid("Specify either logGroupName or logGroupIdentifier, and not both.")
    return key_named(request, name or identifier or "")


def key_named(request: Request, text: str) -> GroupKey:
    """Return the group of a name or an ARN. Raises AwsError where the ARN is of another account or region."""
    key = GroupKey(account=request.account, region=request.region, name=text)
    if not text.startswith("arn:"):
        return key
    parts = text.removesuffix(":*").split(":", 6)
    if len(parts) != 7 or parts[2] != "logs" or parts[5] != "log-group":
        raise invalid("The specified log group identifier is invalid.")
    if (parts[3], parts[4]) != (request.region, request.account):
        raise group_missing()
    return GroupKey(account=request.account, region=request.region, name=parts[6])


def find_group(store: LogStore, key: GroupKey) -> LogGroup:
    """Return a group. Raises AwsError ResourceNotFoundException."""
    group = store.find(key)
    if group is None:
        raise group_missing()
    return group


def check_stream(group: LogGroup, name: str) -> None:
    """Raises AwsError where a group has no such stream."""
    if name not in group.streams:
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def read_token(text: str, kind: type[_T]) -> _T:
    """Return what a token holds. Raises AwsError for what is no token of ours."""
    try:
        return msgspec.json.decode(base64.b64decode(text, altchars=b"-_", validate=True), type=kind)
    except (ValueError, msgspec.DecodeError):
        raise invalid("The specified nextToken is invalid.") from None


def write_token(value: Any) -> str:
    """Return the token that `read_token` reads."""
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode()


def page_of(
    items: Sequence[_T], wanted: dict[str, Any], key: Callable[[_T], tuple[int, str]], *, descending: bool = False
) -> tuple[list[_T], str | None]:
    """Return a page of sorted items, and the token of the next; what comes and goes meanwhile shifts nothing."""
    if wanted.get("nextToken"):
        last = read_token(wanted["nextToken"], tuple[int, str])
        items = [one for one in items if (key(one) < last if descending else key(one) > last)]
    limit = min(wanted.get("limit", PAGE_ITEMS), PAGE_ITEMS)
    page = list(items[:limit])
    return page, write_token(key(page[-1])) if len(items) > limit else None
