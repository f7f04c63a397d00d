"""Which templates the worker shall hold: those that the routes name, from the moment they do until they don't."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from ingle.environments import VersionKey
from ingle.links.gateway_worker import Worker
from ingle.routing import FunctionRoute
from ingle.values import IngleError

_log = structlog.get_logger("ingle.gateway")


def wanted_templates(routes: Iterable[FunctionRoute]) -> set[VersionKey]:
    """Return the versions whose environments are copies of a template."""
    return {
        VersionKey(
            account=route.account, region=route.region, function=route.name, version=one.version, revision=one.revision
        )
        for route in routes
        for one in route.versions.values()
        if one.has_template
    }


class Templates:
    """Tells the worker that leads of what is wanted and of what isn't any more; what came of it, it tells control itself."""

    def __init__(self, leading: Callable[[], Worker]) -> None:
        self._leading = leading
        self._told: set[VersionKey] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def want(self, wanted: set[VersionKey], *, again: bool = False) -> None:
        """Have the worker hold these templates and no others; `again`: control, which is new, shall hear of each."""
        for key in wanted if again else wanted - self._told:
            self._spawn(self._leading().want_template(key), key)
        for key in self._told - wanted:
            self._spawn(self._leading().forget_template(key), key)
        self._told = wanted

    def forget(self) -> None:
        """The worker that leads holds none."""
        self._told = set()

    def _spawn(self, call: Coroutine[Any, Any, None], key: VersionKey) -> None:
        task = asyncio.create_task(self._tell(call, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, call: Coroutine[Any, Any, None], key: VersionKey) -> None:
        try:
            await call
        except IngleError:  # it is told anew once it can be reached again
            _log.warning("template.not_told", function=key.function, version=key.version)
