"""Where a list goes on: the name of what was shown last, as an opaque text."""

import base64

from ingle.functions import InvalidSettingError

PAGE = 50
"""The most that one page of functions, versions or layers holds."""


def make_marker(name: str) -> str:
    """Return the marker of a list whose page ends with `name`."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def read_marker(marker: str | None) -> str:
    """Return the name of a marker, "" for none. Raises InvalidSettingError."""
    if not marker:
        return ""
    try:
        return base64.b64decode(marker.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidSettingError("The marker is not valid.") from None
