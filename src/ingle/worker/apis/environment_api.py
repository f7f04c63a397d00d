"""What listens on an environment's 127.0.0.1:9001: the Runtime API, the Extensions API, the Telemetry API and its limits."""

from collections.abc import Callable
from typing import Any

from ingle.transport import Exchange, ServerLimits
from ingle.values import MIB, STREAM_LIMIT_BYTES
from ingle.worker.apis.extensions import LIMIT
from ingle.worker.apis.extensions_api import PREFIX as EXTENSIONS_PREFIX
from ingle.worker.apis.extensions_api import ExtensionsApi
from ingle.worker.apis.runtime_api import RuntimeApi
from ingle.worker.apis.telemetry_api import LOGS_PATH, TELEMETRY_PATH, TelemetryApi

API_BACKLOG = 128
"""How many connections of an environment may wait to be accepted; they are its own memory."""


def api_limits(extensions: int) -> ServerLimits:
    """Return what the listener of an environment takes; each external extension waits on a connection and asks on another."""
    return ServerLimits(
        header_bytes=32 * 1024,
        header_count=64,
        body_bytes=STREAM_LIMIT_BYTES + MIB,
        idle_timeout_s=1e9,
        body_timeout_s=900.0,
        connections=16 + 2 * min(extensions, LIMIT),
    )


def environment_api(
    runtime_api: RuntimeApi, extensions_api: ExtensionsApi, telemetry_api: TelemetryApi
) -> Callable[[Exchange], Any]:
    """Return the handler of all three; what none of them knows, the Runtime API refuses."""

    def serve(exchange: Exchange) -> Any:
        target = exchange.target
        if target.startswith(EXTENSIONS_PREFIX):
            return extensions_api(exchange)
        if target.startswith((TELEMETRY_PATH, LOGS_PATH)):
            return telemetry_api(exchange)
        return runtime_api(exchange)

    return serve
