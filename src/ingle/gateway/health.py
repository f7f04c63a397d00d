"""GET /health: whether an invocation would be served now, and by which installation."""

from typing import Any

import msgspec

from ingle.gateway.fleet import Fleet
from ingle.transport import Exchange, HttpClient
from ingle.values import IngleError


class Health:
    """Asks the other programs how they are whenever somebody wants to know."""

    def __init__(self, installation: str, isolation: str, control: HttpClient, fleet: Fleet) -> None:
        self._told = {"installation": installation, "isolation": isolation}
        self._control = control
        self._fleet = fleet

    async def answer(self, exchange: Exchange) -> None:
        """Answer 200 where an invocation would be served, else 503 and why not."""
        problems = [
            problem
            for name, link in (("control", self._control), ("worker", self._fleet.worker))
            if (problem := await _ask(name, link))
        ]
        told: dict[str, Any] = {"status": "unavailable" if problems else "ok", "problems": problems}
        body = msgspec.json.encode({**told, **self._told})
        exchange.respond(503 if problems else 200, ((b"content-type", b"application/json"),), body)


async def _ask(name: str, link: HttpClient) -> str:
    """Return what is wrong with a program, nothing where it is well."""
    try:
        response = await link.request(b"GET", b"/health")
        await response.read(1024)
    except IngleError:
        return f"{name} can't be reached"
    return "" if response.status == 200 else f"{name} is not ready"
