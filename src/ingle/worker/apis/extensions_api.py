"""The Extensions API, 2020-01-01 (Lambda developer guide, "Extensions API reference"): what extensions call.

Its caller is customer code, as that of the Runtime API: it acts for the extension whose identifier it has been given.
"""

from typing import Any, Protocol

import msgspec

from ingle.environments import Assignment
from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.values import new_request_id
from ingle.worker.apis.extensions import Event, Extension, ExtensionRefusedError, Extensions
from ingle.worker.apis.replies import JSON_HEADERS, OK, answer_later, refuse, refuse_size

PREFIX = b"/2020-01-01/extension/"
_BODY_LIMIT_BYTES = 64 * 1024


class Host(Protocol):
    """What the Extensions API asks of its environment."""

    @property
    def assignment(self) -> Assignment: ...

    def extension_registered(self) -> None:
        """One more extension has registered."""
        ...

    def extension_asks(self) -> None:
        """An extension waits for its next event."""
        ...


class _Registration(msgspec.Struct, frozen=True, rename="camel"):
    """What an extension registers for; absent, null and empty are one."""

    events: list[str] | None = None
    configuration_keys: list[str] | None = None


class ExtensionsApi:
    """The handler of what lies under `PREFIX`."""

    def __init__(self, host: Host, extensions: Extensions) -> None:
        self._host = host
        self._extensions = extensions

    def __call__(self, exchange: Exchange) -> Any:
        match exchange.method, exchange.target[len(PREFIX) :]:
            case b"POST", b"register":
                return self._register(exchange)
            case b"GET", b"event/next":
                self._next(exchange)
            case b"POST", b"init/error":
                return self._fail(exchange, Event.INIT_FAILED)
            case b"POST", b"exit/error":
                return self._fail(exchange, Event.EXIT_FAILED)
            case _:
                refuse(exchange, 404, "ResourceNotFound", "No such resource of the Extensions API")
        return None

    async def _register(self, exchange: Exchange) -> None:
        name = (exchange.header(b"lambda-extension-name") or b"").decode("latin-1")
        try:
            self._extensions.check_name(name)  # before a body is read, which may be large and many
        except ExtensionRefusedError as error:
            refuse(exchange, 403, error.error_type, str(error))
            return
        body = await _read(exchange)
        if body is None:
            return
        try:
            wanted = msgspec.json.decode(body or b"null", type=_Registration | None) or _Registration()
            if wanted.configuration_keys:
                raise ValueError("configurationKeys are deprecated; use environment variables instead")
            extension = self._extensions.register(name, wanted.events or ())
        except ExtensionRefusedError as error:
            refuse(exchange, 403, error.error_type, str(error))
        except ValueError as error:  # msgspec's errors among them
            refuse(exchange, 400, "InvalidRequestFormat", str(error))
        else:
            identifier = (b"Lambda-Extension-Identifier", extension.identifier.encode())
            exchange.respond(200, (*JSON_HEADERS, identifier), self._describe(exchange))
            self._host.extension_registered()

    def _describe(self, exchange: Exchange) -> bytes:
        assignment = self._host.assignment
        told = {
            "functionName": assignment.version.function,
            "functionVersion": assignment.version.version,
            "handler": assignment.handler,
        }
        features = (exchange.header(b"lambda-extension-accept-feature") or b"").split(b",")
        if b"accountId" in (feature.strip() for feature in features):
            told["accountId"] = assignment.version.account
        return msgspec.json.encode(told)

    def _next(self, exchange: Exchange) -> None:
        def answer(event: bytes) -> None:
            identifier = (b"Lambda-Extension-Event-Identifier", new_request_id().encode())
            exchange.respond(200, (*JSON_HEADERS, identifier), event)

        extension = find_extension(exchange, self._extensions)
        if extension is None:
            return
        try:
            extension.ask(answer)
        except ExtensionRefusedError as error:
            refuse(exchange, 403, error.error_type, str(error))
            return
        exchange.on_disconnect(lambda: extension.hang_up(answer))
        self._host.extension_asks()

    async def _fail(self, exchange: Exchange, event: Event) -> None:
        extension = find_extension(exchange, self._extensions)
        if extension is None or await _read(exchange) is None:
            return
        error_type = exchange.header(b"lambda-extension-function-error-type")
        if not error_type:
            refuse(exchange, 403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found")
            return
        try:
            self._extensions.fail(extension, event, error_type.decode("latin-1")[:256])
        except ExtensionRefusedError as error:
            refuse(exchange, 403, error.error_type, str(error))
        else:
            answer_later(exchange, 202, JSON_HEADERS, OK)


def find_extension(exchange: Exchange, extensions: Extensions) -> Extension | None:
    """Return whose identifier a request carries; where it is nobody's, answer that."""
    identifier = (exchange.header(b"lambda-extension-identifier") or b"").decode("latin-1")
    try:
        return extensions.find(identifier)
    except ExtensionRefusedError as error:
        refuse(exchange, 403, error.error_type, str(error))
        return None


async def _read(exchange: Exchange) -> bytes | None:
    """Return a request's body; None where it is too large, which has been answered, or broke off."""
    try:
        return await exchange.read(_BODY_LIMIT_BYTES)
    except BodyTooLargeError:
        refuse_size(exchange, _BODY_LIMIT_BYTES)
    except DisconnectedError:
        pass
    return None
