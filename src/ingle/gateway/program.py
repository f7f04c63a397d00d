"""The gateway's program."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ingle.environments import ProvisionedRequest, VersionKey
from ingle.gateway.callers.authenticate import Authenticator
from ingle.gateway.callers.intake import intake_limit_bytes
from ingle.gateway.config import GatewaySettings
from ingle.gateway.doors.certificate import Certificate
from ingle.gateway.doors.deliveries import TARGET, Deliveries
from ingle.gateway.doors.front_door import FrontDoor, render_bad_request
from ingle.gateway.doors.health import Health
from ingle.gateway.doors.limits import FRONT_DOOR
from ingle.gateway.doors.observation import Observation
from ingle.gateway.doors.rehearsals import Rehearsals
from ingle.gateway.fleet.admission import Admission, FunctionKey
from ingle.gateway.fleet.fleet import Ages, Fleet
from ingle.gateway.fleet.scaling import Scaling
from ingle.gateway.fleet.templates import Templates, wanted_templates
from ingle.gateway.fleet.workers import Workers
from ingle.gateway.invocations.events import Events
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls.index import UrlIndex
from ingle.gateway.urls.urls import Urls
from ingle.links.endpoint import Endpoint
from ingle.links.gateway_worker import WorkerClient
from ingle.links.tokens import is_linked
from ingle.routing import FunctionRoute, RoutingChange, RoutingSnapshot
from ingle.transport import (
    Exchange,
    HttpClient,
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


class Routing:
    """Keeps the invoker's routes as control says they are."""

    def __init__(
        self,
        invoker: Invoker,
        urls: UrlIndex,
        admission: Admission,
        fleet: Fleet,
        templates: Templates,
        metrics: Metrics,
        control: HttpClient,
    ) -> None:
        self._invoker = invoker
        self._urls = urls
        self._admission = admission
        self._fleet = fleet
        self._templates = templates
        self._metrics = metrics
        self._control = control
        self._generation = -1

    async def fetch(self) -> None:
        """Take the whole snapshot. Raises IngleError where control can't be reached."""
        response = await self._control.request(b"GET", b"/routing")
        snapshot = msgspec.json.decode(await response.read(_SNAPSHOT_LIMIT_BYTES), type=RoutingSnapshot)
        self._invoker.routes = {(one.account, one.region, one.name): one for one in snapshot.functions}
        self._generation = snapshot.generation
        for gone in (self._admission.configured | self._fleet.provisioned_functions) - self._invoker.routes.keys():
            self._let_go(gone)
        for key, route in self._invoker.routes.items():
            self._hold(key, route)
        self._urls.follow_all(self._invoker.routes)
        self._follow(anew=True)

    def prepare(self, *, anew: bool = False) -> None:
        """Have the worker warm up what the functions need."""
        routes = self._invoker.routes.values()
        self._fleet.prepare({version.runtime for route in routes for version in route.versions.values()})
        self._templates.want(wanted_templates(routes), again=anew)

    def begin(self) -> None:
        """Have a worker that leads from now on, and has nothing yet, hold what is wanted."""
        self._templates.forget()
        self.prepare()
        self._fleet.restock()

    async def take(self, exchange: Exchange) -> None:
        """Answer control, which tells of a change."""
        body = await exchange.read(16 * MIB)
        if exchange.target == b"/routing/refresh":
            await self.fetch()
        else:
            change = msgspec.json.decode(body, type=RoutingChange)
            if change.generation != self._generation + 1:
                await self.fetch()
            self._apply(change)  # also behind a snapshot: control tells us of some changes before it stores them
        exchange.respond(200, ())

    def _apply(self, change: RoutingChange) -> None:
        self._generation = change.generation
        key = (change.account, change.region, change.name)
        self._urls.follow(key, change.function)
        if change.function is None:
            self._invoker.routes.pop(key, None)
            self._metrics.forget(change.region, change.name)
            self._let_go(key)
        else:
            self._invoker.routes[key] = change.function
            self._hold(key, change.function)
        self._follow()

    def _hold(self, key: FunctionKey, route: FunctionRoute) -> None:
        provisioned = {name: version.provisioned for name, version in route.versions.items() if version.provisioned}
        self._admission.configure(key, route.reserved_concurrency, provisioned)
        account, region, name = key
        wishes = {
            VersionKey(
                account=account, region=region, function=name, version=one, revision=route.versions[one].revision
            ): units
            for one, units in provisioned.items()
            if route.versions[one].state == "Active"
        }
        self._fleet.provision(key, wishes)

    def _let_go(self, key: FunctionKey) -> None:
        """Hold nothing for a function that is gone."""
        self._admission.configure(key, None, {})
        self._fleet.provision(key, {})

    async def tell_provisioned(self, exchange: Exchange) -> None:
        """Answer control, which asks what there is of a function's provisioned concurrency."""
        asked = msgspec.json.decode(await exchange.read(65536), type=ProvisionedRequest)
        levels = self._fleet.provisioned_levels((asked.account, asked.region, asked.function))
        exchange.respond(200, (), msgspec.json.encode(levels))

    def _follow(self, *, anew: bool = False) -> None:
        """Have what is not served any more retired, and what is new prepared."""
        self._fleet.retire(self._is_served)
        self.prepare(anew=anew)

    def _is_served(self, key: VersionKey) -> bool:
        route = self._invoker.routes.get((key.account, key.region, key.function))
        version = route.versions.get(key.version) if route is not None else None
        return version is not None and version.revision == key.revision


class ControlDoor:
    """The handler of the gateway's own socket: what control tells it, and what it has it run."""

    def __init__(self, token: str, routing: Routing, deliveries: Deliveries) -> None:
        self._token = token
        self._routing = routing
        self._deliveries = deliveries

    def __call__(self, exchange: Exchange) -> Any:
        if not is_linked(exchange.headers, self._token):
            exchange.respond(403, ())
            return None
        if exchange.target == TARGET:
            return self._deliveries.run(exchange)
        if exchange.target == b"/provisioned":
            return self._routing.tell_provisioned(exchange)
        return self._routing.take(exchange)


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
    control = HttpClient(str(run_dir / "control.sock"))
    control_link = Endpoint(
        address=str(run_dir / "control-gateway.sock"), token=settings.links.control_gateway
    ).connect()
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
    door = ControlDoor(settings.links.gateway, routing, Deliveries(invoker, metrics))
    internal = await serve_http(door, unix_listener(run_dir / "gateway.sock"))
    await _fetch_routes(routing)
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


async def _fetch_routes(routing: Routing) -> None:
    while True:
        try:
            return await routing.fetch()
        except IngleError:
            await asyncio.sleep(0.02)
