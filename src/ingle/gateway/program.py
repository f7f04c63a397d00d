"""The gateway's program."""

import asyncio
from functools import partial
from pathlib import Path

import structlog

from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.intake import intake_limit_bytes
from ingle.gateway.config import GatewaySettings
from ingle.gateway.doors.certificate import Certificate
from ingle.gateway.doors.control_door import ControlDesk, Routing
from ingle.gateway.doors.deliveries import Deliveries
from ingle.gateway.doors.front_door import FrontDoor, render_bad_request
from ingle.gateway.doors.health import Health
from ingle.gateway.doors.limits import FRONT_DOOR
from ingle.gateway.doors.observation import Observation
from ingle.gateway.doors.rehearsals import Rehearsals
from ingle.gateway.fleet.admission import Admission
from ingle.gateway.fleet.fleet import Ages, Fleet
from ingle.gateway.fleet.scaling import Scaling
from ingle.gateway.fleet.templates import Templates
from ingle.gateway.fleet.workers import Workers
from ingle.gateway.invocations.events import Events
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls.index import UrlIndex
from ingle.gateway.urls.urls import Urls
from ingle.links.gateway_control import ControlClient, Endpoint, GatewayDoor
from ingle.links.gateway_worker import WorkerClient
from ingle.transport import (
    HttpServer,
    Intake,
    Lifeline,
    adopt_listener,
    serve_http,
    unix_listener,
)
from ingle.values import MIB, IngleError, SystemClock

_log = structlog.get_logger("ingle.gateway")
_SNAPSHOT_LIMIT_BYTES = 256 * MIB


async def _listen(settings: GatewaySettings, door: FrontDoor, certificate: Certificate | None) -> list[HttpServer]:
    listener = adopt_listener(settings.listener)
    servers = [await serve_http(door, listener, limits=FRONT_DOOR, renderer=render_bad_request)]
    if settings.secure_listener is not None and certificate is not None:
        context = certificate.context
        secure = adopt_listener(settings.secure_listener)
        servers.append(await serve_http(door, secure, limits=FRONT_DOOR, ssl=context, renderer=render_bad_request))
    return servers


async def serve_gateway(settings: GatewaySettings, lifeline: Lifeline) -> None:
    """Run the gateway until it is told to stop; then let what is in flight finish."""
    run_dir = Path(settings.run_dir)
    clock = SystemClock()
    control = Endpoint(address=str(run_dir / "control.sock")).connect()
    control_link = ControlClient(
        Endpoint(address=str(run_dir / "control-gateway.sock"), token=settings.links.control_gateway)
    )
    metrics = Metrics(settings.isolation)
    place = run_dir / "worker.sock"
    ages = Ages(idle_s=settings.idle_expiry_s, most_s=settings.environment_hours * 3600)
    fleet = Fleet(
        _connect_worker(settings, place), clock, ages, metrics, Scaling(), settings.concurrency_limit * 5 // 2
    )
    admission = Admission(limit=settings.concurrency_limit)
    authenticator = Authenticator(control_link, clock)
    intake = Intake(intake_limit_bytes())
    invoker = Invoker(settings.account, authenticator, admission, fleet, metrics, Events(control_link), intake)
    index = UrlIndex(settings.url_domain)
    urls = Urls(index, invoker, authenticator, metrics, intake, clock)
    routing = Routing(invoker, index, admission, fleet, Templates(lambda: fleet.worker), metrics, control_link)
    desk = ControlDesk(routing, fleet, Deliveries(invoker, metrics))
    door = GatewayDoor(settings.links.gateway, desk)
    internal = await serve_http(door, unix_listener(run_dir / "gateway.sock"))
    await _wait_for_routes(routing)
    workers = Workers(place, partial(_connect_worker, settings), fleet, routing.begin)
    tasks = [asyncio.create_task(workers.follow()), asyncio.create_task(fleet.sweep())]
    observation = Observation(settings.account, authenticator, metrics, fleet, control_link)
    health = Health(settings.installation, settings.isolation, control_link, fleet)
    certificate = Certificate(Path(settings.cert_file)) if settings.secure_listener is not None else None
    if certificate is not None:
        tasks.append(asyncio.create_task(certificate.follow()))
    rehearsals = Rehearsals(settings.account, authenticator, fleet, invoker)
    front = FrontDoor(invoker, urls, metrics, observation, health, rehearsals, control)
    servers = await _listen(settings, front, certificate)
    lifeline.ready()
    await lifeline.stopped.wait()
    front.end_event_streams()
    await asyncio.gather(*(server.drain(settings.drain_s) for server in (*servers, internal)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _connect_worker(settings: GatewaySettings, path: Path) -> WorkerClient:
    return WorkerClient(Endpoint(address=str(path), token=settings.links.worker))


async def _wait_for_routes(routing: Routing) -> None:
    while True:
        try:
            return await routing.refresh()
        except IngleError:
            await asyncio.sleep(0.02)
