"""GET /health: whether an invocation would be served now, and by which installation."""

from typing import Any

import msgspec

from ingle.gateway.fleet.fleet import Fleet
from ingle.links.gateway_control import Control
from ingle.links.gateway_worker import LinkRefusedError, Worker
from ingle.telemetry import DiskReport
from ingle.transport import Exchange
from ingle.values import IngleError


class Health:
    """Asks the other programs how they are whenever somebody wants to know.

    With a full disk Ingle is degraded, not unavailable: uploads and events fail, what is deployed is still served.
    """

    def __init__(self, installation: str, isolation: str, control: Control, fleet: Fleet) -> None:
        self._told = {"installation": installation, "isolation": isolation}
        self._control = control
        self._fleet = fleet

    async def answer(self, exchange: Exchange) -> None:
        """Answer 200 where an invocation would be served, else 503 and why not."""
        disk, control_problem = await _ask_control(self._control)
        worker_problem = await _ask_worker(self._fleet.worker)
        problems = [problem for problem in (control_problem, worker_problem) if problem]
        status = "unavailable" if problems else "ok"
        if disk is not None and disk.is_full:
            problems.append(f"the disk of {disk.place} is full: {disk.free_bytes >> 20} MiB are free")
            status = "degraded" if status == "ok" else status
        told: dict[str, Any] = {"status": status, "problems": problems}
        body = msgspec.json.encode({**told, **self._told})
        exchange.respond(503 if status == "unavailable" else 200, ((b"content-type", b"application/json"),), body)


async def _ask_control(control: Control) -> tuple[DiskReport | None, str]:
    """Return what control says of its disk, and what is wrong with control: nothing where it is well."""
    try:
        return await control.report_disk(), ""
    except LinkRefusedError:
        return None, "control is not ready"
    except IngleError:
        return None, "control can't be reached"


async def _ask_worker(worker: Worker) -> str:
    """Return what is wrong with the worker: nothing where it is well."""
    try:
        return "" if await worker.is_ready() else "worker is not ready"
    except LinkRefusedError:
        return "worker is not ready"
    except IngleError:
        return "worker can't be reached"
