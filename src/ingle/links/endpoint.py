"""Where a client of a link finds its peer, and how the peer knows it."""

import dataclasses

from ingle.links.tokens import LINK_HEADER
from ingle.transport import HttpClient, TcpAddress


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of a door: the path of a Unix socket, or host, port and TLS. `token` is the link's own."""

    address: str | TcpAddress
    token: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.address!r})"

    def connect(self) -> HttpClient:
        """Return a client that sends the token with every request; it opens connections as it needs them."""
        return HttpClient(self.address, always=((LINK_HEADER, self.token.encode()),) if self.token else ())
