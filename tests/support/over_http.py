"""A link over a socket: its door before a handler, and a client of it."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from ingle.links.endpoint import Endpoint
from ingle.links.link import LinkClient, LinkDoor
from ingle.transport import HttpServer, serve_http, unix_listener

_Client = TypeVar("_Client", bound=LinkClient)
_Handler = TypeVar("_Handler")


@contextlib.asynccontextmanager
async def over_http(
    folder: Path,
    door: Callable[[str, _Handler], LinkDoor],
    client: Callable[[Endpoint], _Client],
    handler: _Handler,
) -> AsyncIterator[tuple[_Client, HttpServer]]:
    """Yield a client whose calls `handler` serves, and the server between them."""
    path = folder / "link.sock"
    server = await serve_http(door("secret", handler), unix_listener(path))
    calling = client(Endpoint(address=str(path), token="secret"))
    yield calling, server
    calling.close()
    await server.drain(0)
