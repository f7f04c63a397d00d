"""Function URLs by path, `/lambda-url/<url-id>/...` on the API's own address, for clients that can't resolve the host form.

The page of a function would share its origin with this machine's API here, and with the pages of all other functions. So
a browser that navigates to a path is sent to the host form, and what is answered is sandboxed for any other. Pure.
"""

from collections.abc import Sequence

_PREFIX = b"/lambda-url/"
_SANDBOX = (b"content-security-policy", b"sandbox allow-scripts allow-forms")


def is_url_path(target: bytes) -> bool:
    """Say whether a target is that of a function URL, of whatever id."""
    return target.startswith(_PREFIX)


def split_target(target: bytes) -> tuple[str, bytes]:
    """Return the id that a target names and the target within the URL, as it came: nothing in it is normalised."""
    path, mark, query = target.removeprefix(_PREFIX).partition(b"?")
    url_id, _, rest = path.partition(b"/")
    return url_id.decode("latin-1"), b"/" + rest + mark + query


def is_navigation(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Say whether a browser asks for a page to show, in a tab or a frame (Fetch Metadata, section 2.2)."""
    return any(name == b"sec-fetch-mode" and value in (b"navigate", b"nested-navigate") for name, value in headers)


def sandboxed(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with the rule that its page has no origin of its own."""
    return [*headers, _SANDBOX]
