"""What the clients and the doors of all links have in common."""

from collections.abc import Callable, Mapping
from typing import Any

from ingle.links.endpoint import Endpoint
from ingle.links.tokens import is_linked
from ingle.transport import Exchange
from ingle.values import MIB, IngleError

_ORDER_LIMIT_BYTES = 64 * 1024


class LinkRefusedError(IngleError):
    """The peer was reached, and did not do what it was asked to."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the peer has answered {status}")
        self.status = status


class LinkClient:
    """One end of a link over HTTP."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._http = endpoint.connect()

    async def _ask(self, target: bytes, body: bytes = b"", *, limit_bytes: int = MIB) -> bytes:
        """Return what the peer answers.

        Raises ConnectionFailedError where nothing was sent, DisconnectedError where no answer came, LinkRefusedError.
        """
        response = await self._http.request(b"POST", target, (), body)
        told = await response.read(limit_bytes)
        if response.status != 200:
            raise LinkRefusedError(response.status)
        return told

    def close(self) -> None:
        """Close every connection; calls that wait for an answer fail."""
        self._http.close()


class LinkDoor:
    """The other end: gives each call to the method that serves it, once the caller has shown the link's token."""

    def __init__(self, token: str, calls: Mapping[bytes, Callable[[Exchange], Any]]) -> None:
        self._token = token.encode()
        self._calls = calls

    def __call__(self, exchange: Exchange) -> Any:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
            return None
        return self._serve(exchange)

    def _serve(self, exchange: Exchange) -> Any:
        call = self._calls.get(exchange.target)
        if call is None:
            exchange.respond(404, ())
            return None
        return call(exchange)


async def read_order(exchange: Exchange) -> bytes:
    """Return the body of a call; none but an invocation's and a batch of logs is large."""
    return await exchange.read(_ORDER_LIMIT_BYTES)
