"""GET /health: whether an invocation would be served now, and by which installation."""

from typing import Any

import msgspec

from ingle.gateway.fleet.fleet import Fleet
from ingle.links.gateway_worker import LinkRefusedError, Worker
from ingle.telemetry import DiskReport
from ingle.transport import Exchange, HttpClient
from ingle.values import IngleError


class Health:
    """Asks the other programs how they are whenever somebody wants to know.

    With a full disk Ingle is degraded, not unavailable: uploads and events fail, what is deployed is still served.
    """

    def __init__(self, installation: str, isolation: str, control: HttpClient, fleet: Fleet) -> None:
        self._told = {"installation": installation, "isolation": isolation}
        self._control = control
        self._fleet = fleet

    async def answer(self, exchange: Exchange) -> None:
        """Answer 200 where an invocation would be served, else 503 and why not."""
        control, control_problem = await _ask_control(self._control)
        worker_problem = await _ask_worker(self._fleet.worker)
        problems = [problem for problem in (control_problem, worker_problem) if problem]
        status = "unavailable" if problems else "ok"
        disk = _read_disk(control)
        if disk is not None and disk.is_full:
            problems.append(f"the disk of {disk.place} is full: {disk.free_bytes >> 20} MiB are free")
            status = "degraded" if status == "ok" else status
        told: dict[str, Any] = {"status": status, "problems": problems}
        body = msgspec.json.encode({**told, **self._told})
        exchange.respond(503 if status == "unavailable" else 200, ((b"content-type", b"application/json"),), body)


async def _ask_control(link: HttpClient) -> tuple[bytes, str]:
    """Return what control says of itself, and what is wrong with it: nothing where it is well."""
    try:
        response = await link.request(b"GET", b"/health")
        told = await response.read(4096)
    except IngleError:
        return b"", "control can't be reached"
    return told, "" if response.status == 200 else "control is not ready"


async def _ask_worker(worker: Worker) -> str:
    """Return what is wrong with the worker: nothing where it is well."""
    try:
        return "" if await worker.is_ready() else "worker is not ready"
    except LinkRefusedError:
        return "worker is not ready"
    except IngleError:
        return "worker can't be reached"


def _read_disk(told: bytes) -> DiskReport | None:
    try:
        return msgspec.json.decode(told, type=DiskReport)
    except msgspec.MsgspecError:
        return None
