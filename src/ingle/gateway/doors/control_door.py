"""What a gateway does for control: the handler of its door."""

from ingle.environments import VersionKey
from ingle.gateway.doors.deliveries import Deliveries
from ingle.gateway.fleet.admission import Admission, FunctionKey
from ingle.gateway.fleet.fleet import Fleet
from ingle.gateway.fleet.templates import Templates, wanted_templates
from ingle.gateway.invocations.invoke import Invoker
from ingle.gateway.metrics import Metrics
from ingle.gateway.urls.index import UrlIndex
from ingle.links.gateway_control import (
    DeliveryAnswer,
    Invocation,
    ProvisionedLevel,
    ProvisionedRequest,
    RoutingFollower,
    RoutingSource,
)
from ingle.routing import FunctionRoute, RoutingChange


class Routing:
    """Keeps the invoker's routes as control says they are; it is a `RoutingFollower`."""

    def __init__(
        self,
        invoker: Invoker,
        urls: UrlIndex,
        admission: Admission,
        fleet: Fleet,
        templates: Templates,
        metrics: Metrics,
        control: RoutingSource,
    ) -> None:
        self._invoker = invoker
        self._urls = urls
        self._admission = admission
        self._fleet = fleet
        self._templates = templates
        self._metrics = metrics
        self._control = control
        self._generation = -1

    async def refresh(self) -> None:
        """Take the whole snapshot. Raises IngleError where control can't be reached."""
        snapshot = await self._control.snapshot()
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

    async def apply(self, change: RoutingChange) -> None:
        """Follow a change."""
        if change.generation != self._generation + 1:
            await self.refresh()
        self._apply(change)  # also after a snapshot: control tells us of some changes before it stores them

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

    def _follow(self, *, anew: bool = False) -> None:
        """Have what is not served any more retired, and what is new prepared."""
        self._fleet.retire(self._is_served)
        self.prepare(anew=anew)

    def _is_served(self, key: VersionKey) -> bool:
        route = self._invoker.routes.get((key.account, key.region, key.function))
        version = route.versions.get(key.version) if route is not None else None
        return version is not None and version.revision == key.revision


class ControlDesk:
    """Routing and deliveries; it implements the `Gateway` of control."""

    def __init__(self, routing: RoutingFollower, fleet: Fleet, deliveries: Deliveries) -> None:
        self._routing = routing
        self._fleet = fleet
        self._deliveries = deliveries

    async def apply(self, change: RoutingChange) -> None:
        """Follow a change."""
        await self._routing.apply(change)

    async def refresh(self) -> None:
        """Take the snapshot."""
        await self._routing.refresh()

    async def deliver(self, event: Invocation, *, keeps_answer: bool) -> DeliveryAnswer:
        """Run an event. Raises DeliveryRefusedError."""
        return await self._deliveries.run(event, keeps_answer=keeps_answer)

    async def provisioned_levels(self, request: ProvisionedRequest) -> list[ProvisionedLevel]:
        """Return what there is of a function's provisioned concurrency."""
        return self._fleet.provisioned_levels((request.account, request.region, request.function))
