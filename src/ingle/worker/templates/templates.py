"""Templates: versions that were initialised once, as the images that environments of them become.

A template is made in an environment like any other, which ends with that: what is left is sealed memory. It is hostile
code's memory, so nobody here reads it; who becomes it is confined before it looks at the first byte.
"""

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog

from ingle.environments import Assignment, VersionKey
from ingle.links.worker_control import Control, TemplateReport
from ingle.transport import (
    BodyTooLargeError,
    DisconnectedError,
    Exchange,
    HttpServer,
    ServerLimits,
    serve_http,
)
from ingle.values import ALL_SEALS, MIB, IngleError
from ingle.worker.apis import error_payloads, role_credentials
from ingle.worker.apis.extensions_api import PREFIX as EXTENSIONS_PREFIX
from ingle.worker.apis.replies import refuse
from ingle.worker.apis.role_credentials import ContainerCredentials
from ingle.worker.apis.runtime_api import read_error
from ingle.worker.drivers import RUNTIME, Exit
from ingle.worker.environment import blame
from ingle.worker.environment.environment import Newborn
from ingle.worker.environment.initialization import init_limit_s
from ingle.worker.journal.journal import Journal
from ingle.worker.journal.log_capture import LogCapture
from ingle.worker.journal.platform_events import SUCCESS, TIMEOUT, InitReport, InitStart, failed
from ingle.worker.journal.telemetry_delivery import TelemetryHub

_log = structlog.get_logger("ingle.worker")
_FORGOTTEN_KEPT = 1024
_LIBRARIES_MIB = 512
"""What an image may have of mapped files beside the function's memory."""
_TRIES, _PAUSE_S = 50, 0.2
_IMAGE_LIMIT_BYTES = 1024 * MIB
_AT_A_TIME = 4
_ENDS = 3
_KEPT_BYTES = 2048 * MIB
_IMAGE, _REFUSAL = b"/ingle/template", b"/ingle/template/refusal"
_INIT_ERROR = b"/2018-06-01/runtime/init/error"
_WAITS = (b"/2018-06-01/runtime/invocation/next", b"/2018-06-01/runtime/restore/next")


def template_key(version: VersionKey) -> VersionKey:
    """Return what a version's template is kept by: no tenant's event has ever been in it."""
    return msgspec.structs.replace(version, tenant="")


def why_no_template(assignment: Assignment, *, makes_copies: bool) -> str:
    """Say what stands against a template before it is tried; nothing where nothing does."""
    if not makes_copies:
        return "This isolation makes no copies of what is initialised: each environment runs init."
    if assignment.extensions:
        return "It has external extensions, which a copy could not have: each environment runs init."
    return ""


class Image:
    """Sealed memory, for as long as somebody refers to it."""

    __slots__ = ("descriptor", "length")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.length = 0

    def close(self) -> None:
        """Let go of the memory at once: errors keep what they passed through."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        self.close()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """An image, or why there is none; `error` where that is because the function's init has failed."""

    image: Image | None = None
    reason: str = ""
    error: str = ""


class Making:
    """The handler of the Runtime API of the environment in which a template is made."""

    def __init__(self, assignment: Assignment, newborn: Newborn, credentials: ContainerCredentials) -> None:
        self._assignment = assignment
        self._running = running = newborn.running
        self._credentials = credentials
        telemetry = TelemetryHub(running.processes.connect, is_json=False)  # which nobody can subscribe to
        self._journal = Journal(assignment, newborn.stream.add, telemetry)
        self._capture = LogCapture(running.output, running.telemetry, running.extensions, self._journal)
        self._loop = asyncio.get_running_loop()
        self._made: asyncio.Future[Template] = self._loop.create_future()
        self._server: HttpServer | None = None
        self._is_taking = False

    async def run(self) -> Template:
        """Run init to its end and return what came of it; nothing of the environment is left then."""
        began_ns = time.monotonic_ns()
        self._capture.watch()
        self._journal.tell(InitStart(assignment=self._assignment))
        most = min((self._assignment.memory_mib + _LIBRARIES_MIB) * MIB, _IMAGE_LIMIT_BYTES)
        limits = ServerLimits(body_bytes=most, connections=16)
        outcome = SUCCESS
        try:
            self._server = await serve_http(self, self._running.listener, limits=limits)
            self._running.processes.on_end = self._process_ended
            self._running.processes.on_link = self._linked
            self._running.exited.add_done_callback(self._exited)
            self._running.processes.start(RUNTIME)
            async with asyncio.timeout(init_limit_s(self._assignment)):
                template = await asyncio.shield(self._made)
            if template.error:
                outcome = failed(template.error)
        except TimeoutError:
            template, outcome = Template(error="Sandbox.Timedout", reason="its init takes too long"), TIMEOUT
        finally:
            report = InitReport(
                initialization_type=self._assignment.initialization_type,
                phase="init",
                outcome=outcome,
                duration_ms=(time.monotonic_ns() - began_ns) / 1e6,
            )
            self._journal.tell(report)
            await asyncio.shield(self._loop.create_task(self._end()))  # who is cancelled here again leaves it to end
        return template

    async def _end(self) -> None:
        self._running.stop()
        await self._running.exited
        self._capture.finish()
        if self._server is not None:
            await self._server.drain(0)
        self._running.close()
        self._made = self._loop.create_future()  # no cycle among callbacks shall keep an image that nobody wants,
        self._made.cancel()  # nor one that comes late

    def _linked(self, link: socket.socket) -> None:
        assert self._server is not None
        task = self._loop.create_task(self._server.adopt(link))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def _settle(self, template: Template) -> None:
        if not self._made.done():
            self._made.set_result(template)

    def _process_ended(self, number: int, status: int) -> None:
        if number == RUNTIME:
            self._loop.call_later(blame.wait_s(status), self._blame, status)

    def _blame(self, status: int) -> None:
        if blame.is_the_platforms():
            self._cut()
        else:
            reason = error_payloads.exit_reason(status, out_of_memory=False)
            self._settle(Template(error="Runtime.ExitError", reason=reason))

    def _cut(self) -> None:
        """The platform has ended it, not the function: it is tried again."""
        if not self._made.done():
            self._made.set_exception(TemplateGoneError("its environment has ended"))

    def _exited(self, ended: "asyncio.Future[Exit]") -> None:
        if ended.result().out_of_memory:
            self._settle(Template(error="Runtime.ExitError", reason="its environment has ended"))
        else:  # no function can end its init
            self._cut()

    def __call__(self, exchange: Exchange) -> Any:
        if exchange.method == b"POST" and exchange.target == _IMAGE:
            return self._take(exchange)
        if exchange.method == b"POST" and exchange.target == _REFUSAL:
            return self._take_refusal(exchange)
        if exchange.method == b"POST" and exchange.target == _INIT_ERROR:
            return self._take_error(exchange)
        if exchange.method == b"GET" and exchange.target == role_credentials.PATH:
            return self._credentials.answer(exchange, self._assignment.version, self._assignment.credentials)
        if exchange.target in _WAITS:  # it isn't our own glue that has come here
            self._settle(Template(reason="A program of its own runs in it: each environment runs init."))
        if exchange.target.startswith(EXTENSIONS_PREFIX):
            self._settle(Template(reason="An extension registers in it, which a copy could not have."))
        refuse(exchange, 403, "InvalidStateTransition", "This environment is a template")
        return None

    async def _take(self, exchange: Exchange) -> None:
        """Keep an image as it comes, and let nobody change it any more.

        There is one: each is memory of ours, and it may be the function itself that sends it.
        """
        if self._is_taking:
            self._settle(Template(reason="More than one image of it was sent: each environment runs init."))
            refuse(exchange, 403, "InvalidStateTransition", "This environment has sent its image")
            return
        self._is_taking = True
        image = Image(os.memfd_create("ingle-template", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        try:
            async for piece in exchange.chunks():
                image.length += os.write(image.descriptor, piece)
            fcntl.fcntl(image.descriptor, fcntl.F_ADD_SEALS, ALL_SEALS)
        except BaseException as error:
            image.close()
            if isinstance(error, BodyTooLargeError):
                self._settle(Template(reason="Its image is too large to be kept: each environment runs init."))
            elif isinstance(error, OSError):
                self._settle(Template(reason=f"There is no memory for its image: {error.strerror}."))
            elif not isinstance(error, DisconnectedError):  # whose end is told by its exit, or by a refusal
                raise
        else:
            self._settle(Template(image=image))
            exchange.respond(202, ())

    async def _take_refusal(self, exchange: Exchange) -> None:
        reason = (await exchange.read(4096)).decode(errors="replace")
        self._settle(Template(reason=reason))
        exchange.respond(202, ())

    async def _take_error(self, exchange: Exchange) -> None:
        body, error_type = await read_error(exchange)
        exchange.respond(202, ())
        self._settle(Template(error=error_type, reason=error_payloads.message_of(body)))


class Reports:
    """Tells control what came of templates."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def tell(self, key: VersionKey, template: Template) -> None:
        """Raises IngleError where control can't be reached."""
        report = TemplateReport(version=key, reason=template.reason, error=template.error)
        await self._control.report_template(report)


class TemplateGoneError(IngleError):
    """A template is wanted no more, or has become void, while it was being made."""


class Templates:
    """The templates of this worker, by version; made when first asked for, and again once they are gone."""

    def __init__(self, make: Callable[[VersionKey], Awaitable[Template]], reports: "Reports") -> None:
        self._make = make
        self._reports = reports
        self._made: dict[VersionKey, asyncio.Task[Template]] = {}
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._ended: Counter[VersionKey] = Counter()
        self.wanted: set[VersionKey] = set()
        """Those that the gateway wants to be there ahead of their environments."""
        self._forgotten: dict[VersionKey, None] = {}
        """Those that ended last: a start that is under way then must not make them anew."""

    async def get(self, key: VersionKey) -> Template:
        """Return a version's template. Raises IngleError where the attempt could not be made, or not to its end."""
        if key in self._forgotten:
            raise TemplateGoneError("its version is wanted no more")
        task = self._made.pop(key, None)
        if task is None or (task.done() and not _has_ended_well(task)):
            task = asyncio.create_task(self._make_anew(key))
        self._made[key] = task  # the one used last is the last
        try:
            template = await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise TemplateGoneError("the template is gone") from None
            raise
        finally:
            del task  # an error in it names the frames that it went through: they must not name it
        self._bound()
        return template

    async def _make_anew(self, key: VersionKey) -> Template:
        async with self._turns:
            try:
                template = await self._make(key)
            except OSError as error:
                raise TemplateGoneError(f"the host is short of something: {error.strerror}") from error
        length = template.image.length if template.image is not None else 0
        _log.info("template.made", function=key.function, version=key.version, bytes=length, reason=template.reason)
        return template

    async def want(self, key: VersionKey) -> None:
        """Have a version's template made, unless there is one, and tell control of it."""
        self.wanted.add(key)
        self._forgotten.pop(key, None)
        for _ in range(_TRIES):
            with contextlib.suppress(IngleError):
                await self._reports.tell(key, await self.get(key))
                return
            await asyncio.sleep(_PAUSE_S)
            if key not in self.wanted:
                return
        with contextlib.suppress(IngleError):
            await self._reports.tell(key, Template(error="InternalError", reason="Its environment could not be made."))

    def forget(self, key: VersionKey) -> None:
        """Nobody wants a version's template any more; environments that have become it keep it."""
        self.wanted.discard(key)
        self._forgotten[key] = None
        if len(self._forgotten) > _FORGOTTEN_KEPT:
            del self._forgotten[next(iter(self._forgotten))]
        self._ended.pop(key, None)
        self.void(key)

    def void(self, key: VersionKey) -> None:
        """Let nothing become a version's template any more: its zygote is gone."""
        task = self._made.pop(key, None)
        if task is not None:
            task.cancel()

    def void_all(self) -> None:
        for key in list(self._made):
            self.void(key)

    def copy_ended(self, key: VersionKey) -> None:
        """A copy has ended before it began; where that happens again and again, environments are to run init."""
        self._ended[key] += 1
        if self._ended[key] < _ENDS:
            self.void(key)
        else:
            self._made[key] = asyncio.create_task(_without_image("Copies of it end before they begin."))

    def _bound(self) -> None:
        """Keep within bounds what all of them take, those used last first."""
        total = 0
        for key, task in reversed(list(self._made.items())):
            image = task.result().image if _has_ended_well(task) else None
            if image is not None:
                total += image.length
                if total > _KEPT_BYTES:
                    self.void(key)


def _has_ended_well(task: "asyncio.Task[Template]") -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


async def _without_image(reason: str) -> Template:
    return Template(reason=reason)
