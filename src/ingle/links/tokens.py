"""The secrets by which Ingle's own programs know each other on the links of one machine."""

import hmac
from collections.abc import Sequence

import msgspec

LINK_HEADER = b"x-ingle-link"


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """One random token for each listening side; a program holds only those of the links it uses."""

    control_gateway: str = ""
    control_worker: str = ""
    gateway: str = ""
    worker: str = ""

    def __repr__(self) -> str:
        return "Links(...)"


def is_linked(headers: Sequence[tuple[bytes, bytes]], token: bytes) -> bool:
    """Say whether a request carries the link's token; the comparison takes constant time. No token, no link."""
    for name, value in headers:
        if name == LINK_HEADER:
            return bool(token) and hmac.compare_digest(value, token)
    return False
