"""GET /metrics, GET /environments and GET /pools: how Ingle is doing, for this machine or whoever signs.

They tell names of functions and how much they are used, so none is for everybody: a request must come from a loopback
address and name one as its host, or be signed by a principal that may. A browser on this machine that was led astray
names another host (DNS rebinding); a proxy on this machine says for whom it asks.
"""

import contextlib
import ipaddress
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.decision_cache import authorize
from ingle.gateway.fleet.fleet import Fleet
from ingle.gateway.metrics import CONTENT_TYPE, Metrics, WorkerFacts
from ingle.links.gateway_control import Control
from ingle.links.gateway_worker import LinkRefusedError
from ingle.protocol import AwsError
from ingle.queues import QueueStatistics
from ingle.telemetry import DiskReport, LogStatistics
from ingle.transport import Exchange
from ingle.values import IngleError

METRICS, ENVIRONMENTS, POOLS = b"/metrics", b"/environments", b"/pools"
_T = TypeVar("_T")
PATHS = (METRICS, ENVIRONMENTS, POOLS)
_BY_PROXY = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via"})
_AUTHORIZATION = b"authorization"


class Observation:
    """Answers `PATHS`."""

    def __init__(
        self, account: str, authenticator: Authenticator, metrics: Metrics, fleet: Fleet, control: Control
    ) -> None:
        self._account = account
        self._authenticator = authenticator
        self._metrics = metrics
        self._fleet = fleet
        self._control = control

    async def answer(self, exchange: Exchange) -> None:
        """Answer a request for one of the paths. Raises AwsError where it may not ask, or nothing is to be had."""
        if not is_local(exchange):
            await self._check_signed(exchange)
        if exchange.target == METRICS:
            text = self._metrics.render(
                await self._facts(), await self._queue(), await self._logs(), await self._disk()
            )
            exchange.respond(200, ((b"content-type", CONTENT_TYPE),), text)
        else:
            worker = self._fleet.worker
            is_pools = exchange.target == POOLS
            told = await (_tell(worker.report_pools()) if is_pools else _tell(worker.report_environments()))
            exchange.respond(200, ((b"content-type", b"application/json"),), msgspec.json.encode(told))

    async def _check_signed(self, exchange: Exchange) -> None:
        if exchange.header(_AUTHORIZATION) is None:
            raise AwsError("AccessDeniedException", "Ask from a loopback address, or sign the request.")
        principal, _ = await self._authenticator.authenticate(exchange, exchange.body_nowait or b"")
        authorize(principal, "ingle:ListEnvironments", self._account, "*")

    async def _facts(self) -> WorkerFacts:
        with contextlib.suppress(AwsError):
            environments = await _tell(self._fleet.worker.report_environments())
            pools = await _tell(self._fleet.worker.report_pools())
            return WorkerFacts(is_up=True, environments=environments, pools=pools)
        return WorkerFacts()

    async def _queue(self) -> QueueStatistics | None:
        with contextlib.suppress(IngleError):
            return await self._control.count_events()
        return None

    async def _logs(self) -> LogStatistics | None:
        with contextlib.suppress(IngleError):
            return await self._control.count_logs()
        return None

    async def _disk(self) -> DiskReport | None:
        with contextlib.suppress(IngleError):
            return await self._control.report_disk()
        return None


async def _tell(call: Awaitable[_T]) -> _T:
    try:
        return await call
    except LinkRefusedError:
        raise AwsError("ServiceUnavailableException", "The worker has no answer; try again.") from None
    except IngleError:
        raise AwsError("ServiceUnavailableException", "The worker can't be reached; try again.") from None


def is_local(exchange: Exchange) -> bool:
    """Say whether a request was made on this machine, for this machine."""
    if any(name in _BY_PROXY for name, _ in exchange.headers):
        return False
    host = (exchange.header(b"host") or b"").decode("latin-1")
    named = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return _is_loopback(exchange.peer.rpartition(":")[0]) and (named.lower() == "localhost" or _is_loopback(named))


def _is_loopback(literal: str) -> bool:
    try:
        address = ipaddress.ip_address(literal)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
