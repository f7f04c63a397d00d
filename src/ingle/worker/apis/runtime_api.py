"""The Runtime API, 2018-06-01 (Lambda developer guide, "Using the Lambda runtime API"): what a runtime calls.

Its caller is customer code: every path, order and size is checked, and nothing it says touches another environment.
"""

from collections.abc import Coroutine
from typing import Any, Protocol

from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.values import MIB, RESPONSE_LIMIT_BYTES
from ingle.worker.apis import role_credentials
from ingle.worker.apis.error_payloads import fit_type, render_payload
from ingle.worker.apis.replies import JSON_HEADERS, OK, answer_later, refuse, refuse_size

_BASE = b"/2018-06-01/runtime/"
_NEXT = b"/2018-06-01/runtime/invocation/next"
_INVOCATION = b"/2018-06-01/runtime/invocation/"
STALE = b"/ingle/template/stale"
_ERROR_LIMIT_BYTES = MIB


class Runtime(Protocol):
    """What the Runtime API asks of its environment."""

    @property
    def can_ask(self) -> bool:
        """Whether the runtime may call /next: nothing is unanswered and no other call waits."""
        ...

    @property
    def is_initializing(self) -> bool: ...

    def asks_for_credentials(self, exchange: Exchange) -> None:
        """The function wants its role's credentials."""
        ...

    def asks_to_be_restored(self, exchange: Exchange) -> None:
        """The runtime has run its init and waits until it is restored, in this environment or in a copy."""
        ...

    def became_no_copy(self) -> None:
        """The template that it should have become is one of before: it runs init like any other."""
        ...

    def asks(self, exchange: Exchange) -> None:
        """The runtime waits for its next event on `exchange`."""
        ...

    def init_failed(self, body: bytes, error_type: str) -> None: ...


class Answers(Protocol):
    """What the Runtime API asks of the invocation that is served."""

    @property
    def request_id(self) -> bytes | None:
        """The id of the invocation that is being served and not yet answered."""
        ...

    def succeeded(self, body: bytes) -> None: ...

    async def streams(self, exchange: Exchange) -> None: ...

    def failed(self, body: bytes, error_type: str) -> None: ...

    def answered_too_much(self, limit_bytes: int) -> None: ...


class RuntimeApi:
    """The handler of one environment's listener."""

    def __init__(self, runtime: Runtime, answers: Answers) -> None:
        self._runtime = runtime
        self._answers = answers
        self._is_taking = False

    def __call__(self, exchange: Exchange) -> Any:
        target, method = exchange.target, exchange.method
        if target == _NEXT and method == b"GET":
            return self._next(exchange)
        if method == b"POST" and target.startswith(_INVOCATION):
            request_id, _, verb = target[len(_INVOCATION) :].partition(b"/")
            if verb == b"response":
                return self._response(exchange, request_id)
            if verb == b"error":
                return self._take(exchange, self._error(exchange, request_id))
        if target == b"/ping" and method == b"GET":
            answer_later(exchange, 200, ((b"content-type", b"text/plain"),), b"pong")
        elif target == role_credentials.PATH and method == b"GET":
            self._runtime.asks_for_credentials(exchange)
        elif target == _BASE + b"init/error" and method == b"POST":
            return self._take(exchange, self._init_error(exchange))
        elif target == _BASE + b"restore/next" and method == b"GET":
            self._runtime.asks_to_be_restored(exchange)
        elif target == _BASE + b"restore/error" and method == b"POST":
            return self._take(exchange, self._init_error(exchange))
        elif target == STALE and method == b"POST":
            self._runtime.became_no_copy()
            answer_later(exchange, 202, (), b"")
        else:
            refuse(exchange, 404, "ResourceNotFound", "No such resource of the Runtime API")
        return None

    async def _take(self, exchange: Exchange, answer: Coroutine[Any, Any, None]) -> None:
        """Take what a runtime has to say: one thing at a time, for it waits in memory of ours until it is whole."""
        if self._is_taking:
            answer.close()
            refuse(exchange, 403, "InvalidStateTransition", "Another answer is being taken")
            return
        self._is_taking = True
        try:
            await answer
        finally:
            self._is_taking = False

    def _next(self, exchange: Exchange) -> None:
        if self._runtime.can_ask:
            self._runtime.asks(exchange)
        else:
            refuse(exchange, 403, "InvalidStateTransition", "Transition from Running to Ready is not allowed")

    def _is_current(self, exchange: Exchange, request_id: bytes) -> bool:
        current = self._answers.request_id
        if current is None:
            refuse(exchange, 403, "InvalidStateTransition", "There is no invocation to answer")
        elif current != request_id:
            refuse(exchange, 400, "InvalidRequestID", "Invalid request ID")
        else:
            return True
        return False

    def _response(self, exchange: Exchange, request_id: bytes) -> Any:
        if not self._is_current(exchange, request_id):
            return None
        mode = exchange.header(b"lambda-runtime-function-response-mode")
        if mode is not None:
            if mode != b"streaming":
                refuse(exchange, 400, "InvalidFunctionResponseMode", "The response mode is not known")
                return None
            return self._answers.streams(exchange)
        body = exchange.body_nowait
        if body is None:
            return self._take(exchange, self._read_response(exchange, request_id))
        self._finish_response(exchange, body)
        return None

    async def _read_response(self, exchange: Exchange, request_id: bytes) -> None:
        try:
            body = await exchange.read(RESPONSE_LIMIT_BYTES)
        except BodyTooLargeError:
            self._too_large(exchange)
            return
        except DisconnectedError:
            return  # the runtime ended within its answer; its exit is what the caller is told
        if self._is_current(exchange, request_id):
            self._finish_response(exchange, body)

    def _finish_response(self, exchange: Exchange, body: bytes) -> None:
        if len(body) > RESPONSE_LIMIT_BYTES:
            self._too_large(exchange)
            return
        self._answers.succeeded(body)
        exchange.respond(202, JSON_HEADERS, OK)

    def _too_large(self, exchange: Exchange) -> None:
        refuse_size(exchange, RESPONSE_LIMIT_BYTES)
        self._answers.answered_too_much(RESPONSE_LIMIT_BYTES)

    async def _error(self, exchange: Exchange, request_id: bytes) -> None:
        if not self._is_current(exchange, request_id):
            return
        body, error_type = await read_error(exchange)
        if self._is_current(exchange, request_id):
            self._answers.failed(body, error_type)
            exchange.respond(202, JSON_HEADERS, OK)

    async def _init_error(self, exchange: Exchange) -> None:
        if not self._runtime.is_initializing:
            refuse(exchange, 403, "InvalidStateTransition", "Init has ended")
            return
        body, error_type = await read_error(exchange)
        if not self._runtime.is_initializing:  # init has ended behind its back
            refuse(exchange, 403, "InvalidStateTransition", "Init has ended")
            return
        exchange.respond(202, JSON_HEADERS, OK)
        self._runtime.init_failed(body, error_type)


async def read_error(exchange: Exchange) -> tuple[bytes, str]:
    """Return an error's body and type; what is too long or has no type is made to fit."""
    try:
        body = await exchange.read(_ERROR_LIMIT_BYTES)
    except BodyTooLargeError:
        body = render_payload("Function.ResponseSizeTooLarge", "The error is too large")
    return body, fit_type(exchange.header(b"lambda-runtime-function-error-type") or b"")
