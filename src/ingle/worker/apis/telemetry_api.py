"""The Telemetry API, 2022-07-01, and the Logs API, 2020-08-15: how extensions subscribe to what is told (`subscriptions`)."""

from collections.abc import Callable
from typing import Any

from ingle.transport import BodyTooLargeError, DisconnectedError, Exchange
from ingle.worker.apis.extensions import Extensions
from ingle.worker.apis.extensions_api import find_extension
from ingle.worker.apis.replies import JSON_HEADERS, answer_later, refuse, refuse_size
from ingle.worker.journal.platform_events import PlatformEvent, Subscribed
from ingle.worker.journal.subscriptions import (
    LOGS_SCHEMAS,
    TELEMETRY_SCHEMAS,
    InvalidSubscriptionError,
    Subscription,
    parse_subscription,
)
from ingle.worker.journal.telemetry_delivery import TelemetryHub

TELEMETRY_PATH, LOGS_PATH = b"/2022-07-01/telemetry", b"/2020-08-15/logs"
_BODY_LIMIT_BYTES = 64 * 1024


class TelemetryApi:
    """The handler of both paths. `tell` puts an event into the journal."""

    def __init__(self, extensions: Extensions, hub: TelemetryHub, tell: Callable[[PlatformEvent], None]) -> None:
        self._extensions = extensions
        self._hub = hub
        self._tell = tell

    def __call__(self, exchange: Exchange) -> Any:
        if exchange.method != b"PUT":
            refuse(exchange, 404, "ResourceNotFound", "One subscribes with PUT")
            return None
        return self._subscribe(exchange)

    async def _subscribe(self, exchange: Exchange) -> None:
        is_of_logs_api = exchange.target.startswith(LOGS_PATH)
        api = "Logs" if is_of_logs_api else "Telemetry"
        extension = find_extension(exchange, self._extensions)
        if extension is None:
            return
        if not self._hub.is_open:
            refuse(exchange, 403, f"{api}.SubscriptionClosed", f"{api} API subscription is closed")
            return
        try:
            body = await exchange.read(_BODY_LIMIT_BYTES)
        except BodyTooLargeError:
            refuse_size(exchange, _BODY_LIMIT_BYTES)
            return
        except DisconnectedError:
            return
        try:
            wanted = parse_subscription(body, LOGS_SCHEMAS if is_of_logs_api else TELEMETRY_SCHEMAS)
            self._check_other(extension.name, wanted)
        except InvalidSubscriptionError as error:
            refuse(exchange, 400, "Logs.ValidationError" if is_of_logs_api else "ValidationError", str(error))
            return
        if wanted != self._hub.subscription_of(extension.name):
            self._hub.subscribe(extension.name, wanted)
            self._tell(Subscribed(name=extension.name, types=wanted.types, to_logs_api=is_of_logs_api))
        answer_later(exchange, 200, JSON_HEADERS, b'"OK"')

    def _check_other(self, name: str, wanted: Subscription) -> None:
        """Refuse one API to who has subscribed to the other."""
        former = self._hub.subscription_of(name)
        if former is not None and former.is_of_logs_api is not wanted.is_of_logs_api:
            other = "Logs" if former.is_of_logs_api else "Telemetry"
            raise InvalidSubscriptionError(f"the extension has already subscribed to the {other} API")
